#include "generate/draft_budget.h"

#include <algorithm>
#include <cmath>

namespace dear {

size_t DraftBudget::kept() const {
  size_t kept = 0;
  for (const Record& record : records_) kept += record.kept;
  return kept;
}

void DraftBudget::Share(size_t sharing, size_t least_kept) {
  sharing_ = sharing;
  most_sharing_ = std::max(most_sharing_, sharing);
  const size_t all_kept = std::min(kept(), least_kept);
  if (all_kept <= saved_kept_) return;
  saved_ += static_cast<double>(all_kept - saved_kept_) * pass_rows_ / static_cast<double>(sharing);
  saved_kept_ = all_kept;
}

void DraftBudget::Verified(size_t drafted, size_t accepted, DraftSource source) {
  Record& record = Of(source);
  const auto kept = static_cast<double>(accepted);
  const bool lost = accepted < drafted;
  plain_ += (kept + 1) * (1 + pass_rows_ / static_cast<double>(most_sharing_));
  record.kept += accepted;
  record.lost += drafted - accepted;
  // Tokens behind the first that was rejected say nothing.
  record.tried += kept + (lost ? 1 : 0);
  record.rejected += lost ? 1 : 0;
}

double DraftBudget::Unspent() const {
  size_t lost = 0;
  for (const Record& record : records_) lost += record.lost;
  return kAllowance * plain_ + saved_ + inherited_ - static_cast<double>(lost);
}

size_t DraftBudget::Limit(DraftSource source) const {
  double credit = Unspent();
  const Record& record = Of(source);
  if (source == DraftSource::kRepetition) {
    const double part =
        static_cast<double>(record.kept) / static_cast<double>(std::max<size_t>(kept(), 1));
    credit = std::min(credit,
                      kAllowance / 2 * plain_ + saved_ * part - static_cast<double>(record.lost));
  }
  if (credit < 1) return 0;
  // The k-th token is kept with probability (1 - rate)^k; kept, it saves a call and its one row.
  const double saved = pass_rows_ / static_cast<double>(sharing_);
  const double rate = record.rejected / record.tried;
  const double worth = std::log1p(saved) / -std::log1p(-std::min(rate, 0.999));
  return static_cast<size_t>(std::max(1.0, std::min(worth, credit)));
}

}  // namespace dear
