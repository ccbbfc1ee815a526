#ifndef DEAR_GENERATE_DRAFT_BUDGET_H_
#define DEAR_GENERATE_DRAFT_BUDGET_H_

#include <array>
#include <cstddef>

#include "generate/drafter.h"

namespace dear {

// How long the drafts of one answer may be. The unit is the time of one row of a call; a call takes
// `pass_rows` of them besides its rows (bench/pass_cost.cc measures it).
//
// Two bounds hold. A further token of a draft must be likelier to be kept than its row costs beside
// the call that it saves, by the rate at which drafts of this answer were kept so far. And what
// rejected rows cost is never more than kAllowance of what the answer would have taken token by
// token so far, plus what kept tokens have saved: whatever is drafted, an answer takes hardly
// longer than without drafts. Nothing is timed, so the same answer is drafted alike every time.
// Answers that are written side by side share calls, so a call is saved once all have saved it.
//
// Repetitions are kept less often than the form of an answer: they have a record of their own, and
// may spend half of the allowance, so that they do not take it from the drafts of the ranking.
class DraftBudget {
 public:
  static constexpr double kAllowance = 0.03;

  explicit DraftBudget(double pass_rows) : pass_rows_(pass_rows) {}

  // A call that fed `rows` prompt tokens.
  void Prompt(size_t rows) { plain_ += static_cast<double>(rows); }
  // A call, shared by `sharing` answers, that gave a token after `drafted` rows of a draft, of
  // which `accepted` were kept.
  void Verified(size_t drafted, size_t accepted, size_t sharing,
                DraftSource source = DraftSource::kForm);

  // Tokens kept so far: calls that this answer alone has saved.
  size_t kept() const;
  // The longest draft from that source for the next call, which `sharing` answers take part in,
  // each of which has kept `least_kept` tokens at least.
  size_t Limit(size_t sharing, size_t least_kept, DraftSource source = DraftSource::kForm) const;

 private:
  struct Record {
    size_t kept = 0;
    size_t lost = 0;  // rows that were rejected
    // Drafted tokens that were looked at, and those of them that were rejected.
    double tried = 0;
    double rejected = 0;
  };

  double Saved(size_t sharing) const { return pass_rows_ / static_cast<double>(sharing); }
  Record& Of(DraftSource source) { return records_[static_cast<size_t>(source)]; }
  const Record& Of(DraftSource source) const { return records_[static_cast<size_t>(source)]; }

  double pass_rows_;
  double plain_ = 0;  // what the answer would have taken without drafts
  // They start with an opinion: of the form one token in a hundred is rejected, of a repetition
  // half.
  std::array<Record, kDraftSources> records_ = {
      {{.tried = 50, .rejected = 0.5}, {.tried = 4, .rejected = 2}}};
};

}  // namespace dear

#endif  // DEAR_GENERATE_DRAFT_BUDGET_H_
