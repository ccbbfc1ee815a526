#include "eval/fact_summary.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace dear::eval {

double Quantile(std::span<const double> sorted, double q) {
  if (sorted.empty()) return 0;
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(std::floor(place));
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - std::floor(place));
}

FactSummary::FactSummary(std::span<const QueryFacts> facts) {
  std::map<std::string, int64_t> counts;
  for (const QueryFacts& fact : facts) {
    if (!fact.repair.empty()) ++counts[fact.repair];
    if (!fact.seconds || !std::isfinite(*fact.seconds) || *fact.seconds < 0) continue;
    seconds.push_back(*fact.seconds);
    total_seconds += *fact.seconds;
  }
  for (const auto& [name, count] : counts) {
    repairs.emplace_back(name, count);
    num_repairs_told += count;
  }
  std::ranges::stable_sort(repairs, [](const auto& a, const auto& b) {
    if ((a.first == "ok") != (b.first == "ok")) return a.first == "ok";
    return a.second > b.second;
  });
  std::ranges::sort(seconds);
}

}  // namespace dear::eval
