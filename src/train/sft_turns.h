#ifndef DEAR_TRAIN_SFT_TURNS_H_
#define DEAR_TRAIN_SFT_TURNS_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/chat_format.h"
#include "text/tokenizer.h"
#include "train/sft_row.h"
#include "train/sft_template_table.h"

namespace dear {

// LLaMA-Factory's fields of the same names, with its defaults.
struct SftTurnOptions {
  std::optional<std::string> default_system;  // in place of the template's own
  // Of templates for reasoning models, where an answer has no reasoning: true trains an empty one,
  // nullopt puts it into the prompt; false does that for every answer and takes its reasoning out.
  std::optional<bool> enable_thinking = true;
  bool preserve_thinking = false;  // where mask_history would take reasoning out of older answers
};

// A question with all that stands before its answer, and the answer with what ends it.
struct SftTurn {
  std::vector<TokenId> prompt;
  std::vector<TokenId> answer;
};

class SftTurnEncoder {
 public:
  virtual ~SftTurnEncoder() = default;
  virtual std::vector<SftTurn> Encode(const SftExample& example) const = 0;
};

// As LLaMA-Factory encodes with a template of its own (data/template.py: encode_multiturn).
// But {{idx}} in a user's text stays what it is, where LLaMA-Factory writes the turn's number.
// `drop_old_thinking`: answers before the last lose their reasoning.
std::unique_ptr<const SftTurnEncoder> MakeTemplateEncoder(
    const SftTemplateText& text, std::shared_ptr<const Tokenizer> tokenizer,
    const SftTurnOptions& options, bool drop_old_thinking);

// The conversation as the chat format writes it, cut where each answer begins and ends.
std::unique_ptr<const SftTurnEncoder> MakeChatFormatEncoder(
    std::shared_ptr<const ChatFormat> format, std::shared_ptr<const Tokenizer> tokenizer,
    const SftTurnOptions& options);

}  // namespace dear

#endif  // DEAR_TRAIN_SFT_TURNS_H_
