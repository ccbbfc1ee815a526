#include "rank/fusion.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "base/error.h"

namespace dear {
namespace {

// Each value's place between the smallest and the largest; 0 where all are equal.
std::vector<double> MinMax(std::span<const double> values) {
  const auto [low, high] = std::ranges::minmax(values);
  std::vector<double> out;
  out.reserve(values.size());
  for (const double value : values) out.push_back(high > low ? (value - low) / (high - low) : 0);
  return out;
}

}  // namespace

Fusion ParseFusion(std::string_view text) {
  const auto fail = [&](const char* what) {
    throw Error(ErrorCode::kInvalidArgument, "fuse '" + std::string(text) + "'", what);
  };
  const std::string_view name = text.substr(0, text.find(':'));
  Fusion fusion;
  if (name == "minmax") {
    fusion.kind = Fusion::Kind::kMinMax;
  } else if (name != "rrf") {
    fail("is none of minmax, minmax:WEIGHT, rrf, rrf:K");
  }
  if (name.size() == text.size()) return fusion;
  const std::string_view number = text.substr(name.size() + 1);
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || end != number.data() + number.size() || !std::isfinite(value))
    fail("has no number behind the colon");
  if (fusion.kind == Fusion::Kind::kMinMax) {
    if (value < 0 || value > 1) fail("the weight of the first stage must be from 0 to 1");
    fusion.weight = value;
  } else {
    if (value <= 0) fail("K must be above 0");
    fusion.k = value;
  }
  return fusion;
}

std::vector<float> Fuse(const Fusion& fusion, std::span<const float> scores,
                        std::span<const int64_t> order, std::span<const double> first_scores) {
  std::vector<float> out(scores.size());
  if (scores.empty()) return out;
  if (fusion.kind == Fusion::Kind::kReciprocalRank) {
    for (size_t place = 0; place < order.size(); ++place) {
      const auto index = static_cast<size_t>(order[place]);
      out[index] = static_cast<float>(1 / (fusion.k + static_cast<double>(place + 1)) +
                                      1 / (fusion.k + static_cast<double>(index + 1)));
    }
    return out;
  }
  const std::vector<double> first = MinMax(first_scores);
  const std::vector<double> mine = MinMax(std::vector<double>(scores.begin(), scores.end()));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<float>((1 - fusion.weight) * mine[i] + fusion.weight * first[i]);
  }
  return out;
}

}  // namespace dear
