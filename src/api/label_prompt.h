#ifndef DEAR_API_LABEL_PROMPT_H_
#define DEAR_API_LABEL_PROMPT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "rank/recipe.h"
#include "rank/reranker.h"
#include "text/chat_format.h"
#include "text/tokenizer.h"

namespace dear {

// Rows for supervised fine-tuning of a listwise reranker: the prompts by which a recipe ranks, and
// the answers that it reads. A row is one of LLaMA-Factory's alpaca form: "system" (where the
// prompt has one), "instruction" (what stands right before the answer), "input" (empty), "output",
// and "history" (the turns before, where there are more).
//
// The texts are prepared as for ranking, by the recipe's own cuts. What is cut there to fit a
// model's context is not cut here: a training's cutoff_len does that.
class LabelPrompts {
 public:
  // `tokenizer`: of the model that is trained, for recipes that cut by tokens. Throws
  // kInvalidArgument for a recipe that is not listwise, kUnsupported for one whose conversation or
  // answer no row can hold: turns that do not alternate, an answer that is begun for the model.
  LabelPrompts(Recipe recipe, std::shared_ptr<const Tokenizer> tokenizer);

  const Recipe& recipe() const { return recipe_; }
  // Passages of one prompt at most; 0: any number.
  int64_t max_passages() const { return recipe_.window.size; }
  // What LLaMA-Factory's key `template` has to be for training to see the recipe's prompt: the
  // chat format that the recipe names, "auto" (the model's own), or "plain" for a plain prompt.
  std::string TemplateName() const;
  // Whether answers stand in the prompt before the one that is learned (mask_history).
  bool has_history() const { return has_history_; }

  // Throws kUnsupported where answers that `teacher` reasons about cannot be the recipe's: its
  // passages have other numbers in the reasoning. `reasons`: whether the teacher reasons at all;
  // where it does not, the recipe must not demand it.
  void RequireFit(const Recipe& teacher, bool reasons) const;

  // The row of a request: `order` are its passages, best first; `reasoning` what the teacher wrote
  // before, or empty. Absent where the recipe would read another order in the answer. Throws
  // kInvalidArgument for a query of which the recipe leaves nothing.
  std::optional<OrderedJson> Row(const RankRequest& request, std::span<const int64_t> order,
                                 std::string_view reasoning) const;

 private:
  std::vector<ChatMessage> Messages(const RankRequest& request) const;
  std::string Answer(std::span<const int64_t> order, std::string_view reasoning) const;

  Recipe recipe_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  bool has_history_ = false;
};

}  // namespace dear

#endif  // DEAR_API_LABEL_PROMPT_H_
