#ifndef DEAR_TRAIN_SFT_TEMPLATE_TABLE_H_
#define DEAR_TRAIN_SFT_TEMPLATE_TABLE_H_

#include <span>
#include <string_view>

namespace dear {

// A template of LLaMA-Factory (llamafactory 0.9.5, data/template.py), or `plain`. In its texts
// {content} is the message; {bos} and {eos} are the tokenizer's tokens, and what stands between
// them is tokenised apart.
struct SftTemplateText {
  std::string_view name;
  std::string_view prefix;  // before everything
  std::string_view system = "{content}";
  std::string_view user = "{content}";  // to where the answer begins
  std::string_view assistant = "{content}{eos}";
  std::string_view default_system;  // where a conversation has none
  // Must be tokens of their own, with a blank between them: LLaMA-Factory would add them.
  std::string_view tokens;
  bool system_in_user = false;  // the system's text opens the first user turn's content
  bool thinks = false;          // an answer without reasoning gets an empty one
  // The first turn's prompt is one text with what the tokenizer puts around texts (<s>), as a plain
  // prompt is ranked with. LLaMA-Factory has no such template.
  bool special_tokens = false;
};

std::span<const SftTemplateText> SftTemplateTexts();

}  // namespace dear

#endif  // DEAR_TRAIN_SFT_TEMPLATE_TABLE_H_
