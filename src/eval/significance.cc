#include "eval/significance.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

namespace dear::eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool AllFinite(std::span<const double> values) {
  return std::ranges::all_of(values, [](double v) { return std::isfinite(v); });
}

// The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method.
double BetaFraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  constexpr double kEpsilon = 1e-16;
  constexpr int kMostTerms = 100000;
  const auto away_from_zero = [](double v) { return std::abs(v) < kTiny ? kTiny : v; };
  double c = 1.0;
  double d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
  double fraction = d;
  for (int m = 1; m < kMostTerms; ++m) {
    const double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
    d = 1.0 / away_from_zero(1.0 + even * d);
    c = away_from_zero(1.0 + even / c);
    fraction *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
    d = 1.0 / away_from_zero(1.0 + odd * d);
    c = away_from_zero(1.0 + odd / c);
    fraction *= d * c;
    if (std::abs(d * c - 1.0) < kEpsilon) break;
  }
  return fraction;
}

// Ranks of the absolute differences, ties sharing their mean; doubled, so that they are integers.
struct SignedRanks {
  std::vector<int64_t> doubled;  // [n], all positive
  int64_t doubled_positive = 0;  // sum over positive differences
  double tie_term = 0;           // sum of t^3 - t over groups of t ties
  bool has_ties = false;
};

SignedRanks Rank(const std::vector<double>& differences) {
  std::vector<size_t> order(differences.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return std::abs(differences[i]); });
  SignedRanks out;
  out.doubled.resize(differences.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() &&
           std::abs(differences[order[end]]) == std::abs(differences[order[begin]]))
      ++end;
    const auto ties = static_cast<double>(end - begin);
    out.tie_term += ties * ties * ties - ties;
    out.has_ties |= end - begin > 1;
    for (size_t i = begin; i < end; ++i) {
      out.doubled[order[i]] = static_cast<int64_t>(begin + 1 + end);
      if (differences[order[i]] > 0) out.doubled_positive += out.doubled[order[i]];
    }
    begin = end;
  }
  return out;
}

// p of the rank sum under all sign patterns: the distribution is built rank by rank.
double ExactRankSumTest(const SignedRanks& ranks) {
  const int64_t total = std::accumulate(ranks.doubled.begin(), ranks.doubled.end(), int64_t{0});
  std::vector<double> mass(static_cast<size_t>(total) + 1);
  mass[0] = 1.0;
  int64_t reached = 0;
  for (const int64_t rank : ranks.doubled) {
    reached += rank;
    for (int64_t s = reached; s >= 0; --s) {
      const double with = s >= rank ? mass[static_cast<size_t>(s - rank)] : 0.0;
      double& here = mass[static_cast<size_t>(s)];
      here = 0.5 * (here + with);
    }
  }
  const auto at = static_cast<std::ptrdiff_t>(ranks.doubled_positive);
  const double below = std::accumulate(mass.begin(), mass.begin() + at + 1, 0.0);
  const double above = std::accumulate(mass.begin() + at, mass.end(), 0.0);
  return std::min(1.0, 2.0 * std::min(below, above));
}

// splitmix64: a stream of good bits from any seed.
class Bits {
 public:
  explicit Bits(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    state_ += 0x9E3779B97F4A7C15ULL;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

}  // namespace

double IncompleteBeta(double a, double b, double x) {
  if (!(x > 0)) return 0.0;
  if (!(x < 1)) return 1.0;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  // The fraction converges fast on the side of the mean where x is small.
  if (x < (a + 1.0) / (a + b + 2.0)) return front * BetaFraction(a, b, x) / a;
  return 1.0 - front * BetaFraction(b, a, 1.0 - x) / b;
}

double PairedTTest(std::span<const double> differences) {
  if (!AllFinite(differences)) return kNaN;
  const auto n = static_cast<double>(differences.size());
  if (differences.size() < 2) return 1.0;
  const double mean = std::accumulate(differences.begin(), differences.end(), 0.0) / n;
  double squares = 0;
  for (const double d : differences) squares += (d - mean) * (d - mean);
  const double variance = squares / (n - 1.0);
  if (variance == 0) return mean == 0 ? 1.0 : 0.0;
  const double t2 = mean * mean / (variance / n);
  const double freedom = n - 1.0;
  return IncompleteBeta(freedom / 2.0, 0.5, freedom / (freedom + t2));
}

double WilcoxonTest(std::span<const double> differences) {
  if (!AllFinite(differences)) return kNaN;
  std::vector<double> nonzero;
  std::ranges::copy_if(differences, std::back_inserter(nonzero), [](double d) { return d != 0; });
  if (nonzero.empty()) return 1.0;
  const SignedRanks ranks = Rank(nonzero);
  const bool untied = !ranks.has_ties && nonzero.size() == differences.size();
  constexpr size_t kMostExact = 50;
  constexpr size_t kMostExactTied = 13;
  if (differences.size() <= (untied ? kMostExact : kMostExactTied)) return ExactRankSumTest(ranks);
  const auto n = static_cast<double>(nonzero.size());
  const double mean = n * (n + 1.0) / 4.0;
  const double variance = (n * (n + 1.0) * (2.0 * n + 1.0) - ranks.tie_term / 2.0) / 24.0;
  const double z = (static_cast<double>(ranks.doubled_positive) / 2.0 - mean) / std::sqrt(variance);
  return std::erfc(std::abs(z) / std::sqrt(2.0));
}

double RandomisationTest(std::span<const double> differences, int64_t resamples, uint64_t seed) {
  if (!AllFinite(differences)) return kNaN;
  std::vector<double> d;
  std::ranges::copy_if(differences, std::back_inserter(d), [](double v) { return v != 0; });
  if (d.empty()) return 1.0;
  double sum = 0;
  double size = 0;
  for (const double v : d) {
    sum += v;
    size += std::abs(v);
  }
  // Sums that are equal on paper differ by rounding: those count as equally far.
  const double bar = std::abs(sum) - 1e-12 * size;
  constexpr size_t kMostEnumerated = 30;
  if (d.size() <= kMostEnumerated && (int64_t{1} << d.size()) <= resamples) {
    // Gray code: each pattern differs from the one before by one sign.
    const int64_t patterns = int64_t{1} << d.size();
    std::vector<double> flipped = d;
    int64_t hits = 0;
    for (int64_t i = 0; i < patterns; ++i) {
      if (i > 0) {
        auto& one = flipped[static_cast<size_t>(std::countr_zero(static_cast<uint64_t>(i)))];
        one = -one;
      }
      hits += std::abs(std::accumulate(flipped.begin(), flipped.end(), 0.0)) >= bar ? 1 : 0;
    }
    return static_cast<double>(hits) / static_cast<double>(patterns);
  }
  Bits bits(seed);
  int64_t hits = 0;
  for (int64_t i = 0; i < resamples; ++i) {
    double random_sum = 0;
    uint64_t word = 0;
    for (size_t j = 0; j < d.size(); ++j, word >>= 1) {
      if (j % 64 == 0) word = bits.Next();
      random_sum += (word & 1) != 0 ? d[j] : -d[j];
    }
    hits += std::abs(random_sum) >= bar ? 1 : 0;
  }
  return static_cast<double>(hits + 1) / static_cast<double>(resamples + 1);
}

std::vector<double> HolmCorrection(std::span<const double> p_values) {
  std::vector<double> corrected(p_values.begin(), p_values.end());
  std::vector<size_t> order;
  for (size_t i = 0; i < p_values.size(); ++i) {
    if (!std::isnan(p_values[i])) order.push_back(i);
  }
  std::ranges::sort(order, {}, [&](size_t i) { return p_values[i]; });
  double highest = 0;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    const auto left = static_cast<double>(order.size() - rank);
    highest = std::max(highest, std::min(1.0, left * p_values[order[rank]]));
    corrected[order[rank]] = highest;
  }
  return corrected;
}

}  // namespace dear::eval
