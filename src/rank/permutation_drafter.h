#ifndef DEAR_RANK_PERMUTATION_DRAFTER_H_
#define DEAR_RANK_PERMUTATION_DRAFTER_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "generate/drafter.h"
#include "generate/repetition_drafter.h"
#include "rank/continuation_encoder.h"
#include "rank/identifier_paths.h"
#include "rank/ranking_text.h"
#include "rank/recipe.h"
#include "rank/slot_scores.h"

namespace dear {

// Drafts the rest of a listwise answer: of "[4] > [1] > …" everything but the choice of the next id
// is given by the recipe, and that choice is guessed from the logits of the ids wherever calls have
// shown them, behind rejected drafts too. Where no logits are known yet the draft ends before the
// next id, so that the call shows them. In front of the ranking of a model that reasons, where text
// stood before is drafted again; other text that is no ranking is left alone.
class PermutationDrafter final : public Drafter {
 public:
  // For an answer about n passages after `prompt`. `reasoning`: the ranking is not expected before
  // one of the recipe's markers. `tokenizer` and `recipe` outlive it.
  PermutationDrafter(const Tokenizer& tokenizer, const Recipe& recipe, int64_t n, bool reasoning,
                     std::span<const TokenId> prompt);

  std::vector<TokenId> Draft(std::span<const TokenId> written, size_t limit) override;
  DraftSource source() const override { return source_; }
  void Learn(std::span<const Logits> rows, size_t accepted) override;

 private:
  // A place of the draft where an id is chosen.
  struct Decision {
    size_t row = 0;  // of the logits that choose it
    std::vector<int64_t> prefix;
    int64_t drafted = 0;
    std::shared_ptr<const IdentifierPaths> paths;
  };

  std::optional<RankingText::State> StateAfter(std::span<const TokenId> written) const;
  // Whether a ranking is expected to begin behind `text`, the answer so far.
  bool BeginsBehind(std::string_view text) const;
  // Notes the places in `tokens`, the draft of `order` (what follows state.named), where ids behind
  // the first one are chosen.
  void FindDecisions(const RankingText::State& state, std::span<const int64_t> order,
                     std::span<const RankingText::Place> places, const std::string& continuation,
                     const ContinuationEncoder::Tokens& tokens);
  // The paths of an id between two others; null where there are none.
  std::shared_ptr<const IdentifierPaths> PathsBetween() const;

  const Tokenizer& tokenizer_;
  const Recipe& recipe_;
  bool reasoning_;
  RankingText text_;
  ContinuationEncoder encoder_;
  RepetitionDrafter repetition_;  // of the reasoning
  DraftSource source_ = DraftSource::kForm;
  std::shared_ptr<const IdentifierPaths> between_;
  SlotScores scores_;
  std::vector<Decision> decisions_;  // of the draft under way
};

}  // namespace dear

#endif  // DEAR_RANK_PERMUTATION_DRAFTER_H_
