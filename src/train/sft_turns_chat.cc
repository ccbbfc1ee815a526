// Chat formats write whole conversations: the turns are found in what they write.
#include <span>
#include <string>
#include <utility>

#include "base/error.h"
#include "train/sft_turns.h"

namespace dear {
namespace {

class ChatFormatEncoder final : public SftTurnEncoder {
 public:
  ChatFormatEncoder(std::shared_ptr<const ChatFormat> format,
                    std::shared_ptr<const Tokenizer> tokenizer, const SftTurnOptions& options)
      : format_(std::move(format)),
        tokenizer_(std::move(tokenizer)),
        default_system_(options.default_system.value_or("")) {
    if (!format_->skip_thinking().empty() && options.enable_thinking != true) {
      throw Error(ErrorCode::kUnsupported, "enable_thinking",
                  "the model's own chat format " + format_->name() +
                      " leaves it on; name a template (qwen3) to switch it off");
    }
  }

  std::vector<SftTurn> Encode(const SftExample& example) const override {
    std::vector<ChatMessage> messages;
    const std::string& system = example.system.empty() ? default_system_ : example.system;
    if (!system.empty()) messages.push_back({"system", system});
    const size_t first = messages.size();
    messages.insert(messages.end(), example.turns.begin(), example.turns.end());

    const std::string whole = format_->Render(messages, false);
    std::vector<SftTurn> turns;
    size_t at = 0;
    for (size_t user = first; user + 1 < messages.size(); user += 2) {
      const size_t begin = BeginOfAnswer(whole, messages, user);
      const size_t end =
          user + 2 == messages.size() ? whole.size() : EndOfAnswer(whole, messages, user + 1);
      if (begin < at || end < begin) RefuseTurns();
      turns.push_back({Ids(whole, at, begin), Ids(whole, begin, end)});
      at = end;
    }
    return turns;
  }

 private:
  using Messages = std::vector<ChatMessage>;

  std::vector<TokenId> Ids(const std::string& whole, size_t begin, size_t end) const {
    return tokenizer_
        ->Encode(std::string_view(whole).substr(begin, end - begin), {.add_special_tokens = false})
        .ids;
  }

  size_t BeginOfAnswer(const std::string& whole, const Messages& messages, size_t user) const {
    const std::string head = format_->Render(std::span(messages).first(user + 1), true);
    if (!whole.starts_with(head)) RefuseTurns();
    return head.size();
  }

  // With a question behind it, since a format may write the last answer in another way (Qwen3).
  size_t EndOfAnswer(const std::string& whole, const Messages& messages, size_t answer) const {
    const std::string head = format_->Render(std::span(messages).first(answer + 1), false);
    if (whole.starts_with(head)) return head.size();
    Messages longer(messages.begin(), messages.begin() + static_cast<ptrdiff_t>(answer) + 1);
    longer.push_back({"user", ""});
    const std::string with_question = format_->Render(longer, false);
    const std::string question = format_->Render(std::span(longer).last(1), false);
    if (!with_question.ends_with(question)) RefuseTurns();
    const size_t end = with_question.size() - question.size();
    if (whole.compare(0, end, with_question, 0, end) != 0) RefuseTurns();
    return end;
  }

  [[noreturn]] void RefuseTurns() const {
    throw Error(ErrorCode::kUnsupported, "chat format " + format_->name(),
                "it writes the turns of this conversation differently once others follow, so that "
                "they cannot be trained in one sequence; name a template");
  }

  std::shared_ptr<const ChatFormat> format_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::string default_system_;
};

}  // namespace

std::unique_ptr<const SftTurnEncoder> MakeChatFormatEncoder(
    std::shared_ptr<const ChatFormat> format, std::shared_ptr<const Tokenizer> tokenizer,
    const SftTurnOptions& options) {
  return std::make_unique<ChatFormatEncoder>(std::move(format), std::move(tokenizer), options);
}

}  // namespace dear
