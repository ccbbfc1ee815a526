#ifndef DEAR_RANK_LISTWISE_PROMPT_H_
#define DEAR_RANK_LISTWISE_PROMPT_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "rank/prompt.h"
#include "rank/reranker.h"
#include "rank/text_rule.h"

namespace dear {

// The prompts of one request: its texts are prepared once and shared by all windows.
class ListwisePrompts {
 public:
  ListwisePrompts(const LanguageModel& model, const Recipe& recipe, const RankRequest& request,
                  const RankOptions& options);

  struct Built {
    Prompt prompt;
    int64_t max_new_tokens = 0;  // room for the answer
  };
  // The prompt of the passages `window` (indices), shortened where it would leave no room for the
  // answer; `notes` says so. Throws kInvalidArgument where nothing helps.
  Built Build(std::span<const int64_t> window, std::vector<std::string>* notes) const;

 private:
  // Room for the answer about n passages.
  int64_t MaxNewTokens(int64_t n) const;
  int64_t PromptLimit(int64_t n, int64_t max_new_tokens) const;
  Prompt FittingPrompt(std::vector<PassageText> passages, int64_t max_new_tokens,
                       std::vector<std::string>* notes) const;

  const LanguageModel& model_;
  const Recipe& recipe_;
  const RankOptions& options_;
  std::shared_ptr<const ChatFormat> chat_;
  std::string query_;
  std::vector<PassageText> passages_;  // in input order
  TextCut cut_;                        // what is left to be cut where the window is known
  bool reasoning_;                     // room for it is left
};

}  // namespace dear

#endif  // DEAR_RANK_LISTWISE_PROMPT_H_
