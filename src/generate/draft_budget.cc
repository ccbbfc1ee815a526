#include "generate/draft_budget.h"

#include <algorithm>
#include <cmath>

namespace dear {

void DraftBudget::Verified(size_t drafted, size_t accepted, size_t sharing) {
  const double saved = Saved(sharing);
  const auto kept = static_cast<double>(accepted);
  const auto lost = static_cast<double>(drafted - accepted);
  plain_ += (kept + 1) * (1 + saved);
  kept_ += accepted;
  lost_ += drafted - accepted;
  // Tokens behind the first that was rejected say nothing.
  tried_ += kept + (lost > 0 ? 1 : 0);
  rejected_ += lost > 0 ? 1 : 0;
}

size_t DraftBudget::Limit(size_t sharing, size_t least_kept) const {
  const double credit = kAllowance * plain_ - static_cast<double>(lost_) +
                        Saved(sharing) * static_cast<double>(std::min(kept_, least_kept));
  if (credit < 1) return 0;
  // The k-th token is kept with probability (1 - rate)^k; kept, it saves a call and its one row.
  const double rate = rejected_ / tried_;
  const double worth = std::log1p(Saved(sharing)) / -std::log1p(-std::min(rate, 0.999));
  return static_cast<size_t>(std::max(1.0, std::min(worth, credit)));
}

}  // namespace dear
