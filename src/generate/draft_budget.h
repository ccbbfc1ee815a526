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
// What it was worth to each stays so when some of them end, and those leave to the others what they
// have not spent: together they never spend more than they have saved.
//
// Repetitions are kept less often than the form of an answer: they have a record of their own, and
// may spend half of the allowance, so that they do not take it from the drafts of the ranking.
class DraftBudget {
 public:
  static constexpr double kAllowance = 0.03;

  explicit DraftBudget(double pass_rows) : pass_rows_(pass_rows) {}

  // The next call is shared by `sharing` answers, each of which has kept `least_kept` tokens at
  // least.
  void Share(size_t sharing, size_t least_kept);
  // The call fed `rows` prompt tokens.
  void Prompt(size_t rows) { plain_ += static_cast<double>(rows); }
  // The call gave a token after `drafted` rows of a draft, of which `accepted` were kept.
  void Verified(size_t drafted, size_t accepted, DraftSource source = DraftSource::kForm);

  // Tokens kept so far: calls that this answer alone has saved.
  size_t kept() const;
  // An answer that has ended leaves what it may still lose, in rows, and others share it.
  double Unspent() const;
  void Inherit(double rows) { inherited_ += rows; }
  // The longest draft from that source for the call.
  size_t Limit(DraftSource source = DraftSource::kForm) const;

 private:
  struct Record {
    size_t kept = 0;
    size_t lost = 0;  // rows that were rejected
    // Drafted tokens that were looked at, and those of them that were rejected.
    double tried = 0;
    double rejected = 0;
  };

  Record& Of(DraftSource source) { return records_[static_cast<size_t>(source)]; }
  const Record& Of(DraftSource source) const { return records_[static_cast<size_t>(source)]; }

  double pass_rows_;
  size_t sharing_ = 1;
  // Without drafts the answers beside this one would still be there.
  size_t most_sharing_ = 1;
  double plain_ = 0;       // what the answer would have taken without drafts
  double saved_ = 0;       // this answer's part of the calls that were saved
  size_t saved_kept_ = 0;  // kept tokens that count in it
  double inherited_ = 0;
  // They start with an opinion: of the form one token in a hundred is rejected, of a repetition
  // half.
  std::array<Record, kDraftSources> records_ = {
      {{.tried = 50, .rejected = 0.5}, {.tried = 4, .rejected = 2}}};
};

}  // namespace dear

#endif  // DEAR_GENERATE_DRAFT_BUDGET_H_
