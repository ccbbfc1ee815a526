#include "generate/draft_budget.h"

#include <algorithm>
#include <cmath>

namespace dear {

size_t DraftBudget::kept() const {
  size_t kept = 0;
  for (const Record& record : records_) kept += record.kept;
  return kept;
}

void DraftBudget::Verified(size_t drafted, size_t accepted, size_t sharing, DraftSource source) {
  Record& record = Of(source);
  const auto kept = static_cast<double>(accepted);
  const bool lost = accepted < drafted;
  plain_ += (kept + 1) * (1 + Saved(sharing));
  record.kept += accepted;
  record.lost += drafted - accepted;
  // Tokens behind the first that was rejected say nothing.
  record.tried += kept + (lost ? 1 : 0);
  record.rejected += lost ? 1 : 0;
}

size_t DraftBudget::Limit(size_t sharing, size_t least_kept, DraftSource source) const {
  const double saved = Saved(sharing);
  const auto credit_of = [&](double allowance, size_t kept, size_t lost) {
    return allowance * plain_ - static_cast<double>(lost) +
           saved * static_cast<double>(std::min(kept, least_kept));
  };
  size_t lost = 0;
  for (const Record& record : records_) lost += record.lost;
  double credit = credit_of(kAllowance, kept(), lost);
  const Record& record = Of(source);
  if (source == DraftSource::kRepetition) {
    credit = std::min(credit, credit_of(kAllowance / 2, record.kept, record.lost));
  }
  if (credit < 1) return 0;
  // The k-th token is kept with probability (1 - rate)^k; kept, it saves a call and its one row.
  const double rate = record.rejected / record.tried;
  const double worth = std::log1p(saved) / -std::log1p(-std::min(rate, 0.999));
  return static_cast<size_t>(std::max(1.0, std::min(worth, credit)));
}

}  // namespace dear
