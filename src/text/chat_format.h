#ifndef DEAR_TEXT_CHAT_FORMAT_H_
#define DEAR_TEXT_CHAT_FORMAT_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace dear {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

// A chat template as data: models/chat/NAME.yaml. Render equals transformers' apply_chat_template
// of the models that the file names, on conversations of system, user and assistant turns.
class ChatFormat {
 public:
  virtual ~ChatFormat() = default;
  virtual const std::string& name() const = 0;
  // The text before tokenisation (which then adds no special tokens). Throws kInvalidArgument
  // where the template itself would raise (roles that do not alternate, a system turn in gemma).
  virtual std::string Render(std::span<const ChatMessage> messages,
                             bool add_generation_prompt) const = 0;
  // What follows the generation prompt so that a reasoning model answers at once (transformers'
  // enable_thinking=False); empty for a format without such a form.
  virtual const std::string& skip_thinking() const = 0;
};

// One YAML file (docs/recipes.md lists the fields). Throws kInvalidFormat naming line and field.
std::shared_ptr<const ChatFormat> ParseChatFormat(std::string_view yaml, const std::string& name,
                                                  const std::string& context);

// By name ("llama3", "chatml", …). Throws kNotFound that lists the names.
std::shared_ptr<const ChatFormat> FindChatFormat(std::string_view name);
std::vector<std::string> ChatFormatNames();
// By the markers in the model's own chat_template. Throws kUnsupported that says how to name one.
std::shared_ptr<const ChatFormat> RecognizeChatFormat(const Tokenizer& tokenizer);
std::shared_ptr<const ChatFormat> RecognizeChatFormat(std::string_view chat_template);

}  // namespace dear

#endif  // DEAR_TEXT_CHAT_FORMAT_H_
