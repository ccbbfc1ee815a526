// LLaMA-Factory's templates: text around the messages, tokenised piece by piece.
#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"
#include "train/sft_turns.h"

namespace dear {
namespace {

constexpr std::string_view kContent = "{content}";
constexpr std::string_view kThinkOpen = "<think>\n";
constexpr std::string_view kThinkClose = "\n</think>\n\n";

// A part of a template: one of the tokenizer's own tokens, or text around the message.
struct Slot {
  enum Kind { kText, kBos, kEos } kind = kText;
  std::string before;
  std::string after;
  bool has_content = false;
};

Slot TextSlot(std::string_view text) {
  const size_t content = text.find(kContent);
  if (content == std::string_view::npos) return {Slot::kText, std::string(text), "", false};
  return {Slot::kText, std::string(text.substr(0, content)),
          std::string(text.substr(content + kContent.size())), true};
}

std::vector<Slot> ParseSlots(std::string_view text) {
  constexpr std::string_view kMarks[] = {"{bos}", "{eos}"};
  std::vector<Slot> slots;
  while (!text.empty()) {
    const bool bos_first = text.find(kMarks[0]) < text.find(kMarks[1]);
    const std::string_view mark = kMarks[bos_first ? 0 : 1];
    const size_t at = text.find(mark);
    if (at != 0) slots.push_back(TextSlot(text.substr(0, at)));
    if (at == std::string_view::npos) break;
    slots.push_back({bos_first ? Slot::kBos : Slot::kEos, "", "", false});
    text.remove_prefix(at + mark.size());
  }
  return slots;
}

// Each stretch of reasoning goes, then the line breaks that the answer begins with
// (ReasoningTemplate.remove_thought).
std::string WithoutThinking(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t open = text.find(kThinkOpen);
    const size_t close = open == std::string_view::npos
                             ? std::string_view::npos
                             : text.find(kThinkClose, open + kThinkOpen.size());
    if (close == std::string_view::npos) break;
    out += text.substr(0, open);
    text.remove_prefix(close + kThinkClose.size());
  }
  out += text;
  return out.substr(std::min(out.find_first_not_of('\n'), out.size()));
}

bool Thinks(std::string_view answer) {
  return answer.find("<think>") != std::string_view::npos ||
         answer.find("</think>") != std::string_view::npos;
}

class TemplateEncoder final : public SftTurnEncoder {
 public:
  TemplateEncoder(const SftTemplateText& text, std::shared_ptr<const Tokenizer> tokenizer,
                  const SftTurnOptions& options, bool drop_old_thinking)
      : tokenizer_(std::move(tokenizer)),
        context_("template '" + std::string(text.name) + "'"),
        prefix_(ParseSlots(text.prefix)),
        system_(ParseSlots(text.system)),
        user_(ParseSlots(text.user)),
        assistant_(ParseSlots(text.assistant)),
        default_system_(options.default_system.value_or(std::string(text.default_system))),
        system_in_user_(text.system_in_user),
        thinks_(text.thinks),
        special_tokens_(text.special_tokens),
        enable_thinking_(options.enable_thinking),
        drop_old_thinking_(drop_old_thinking) {
    RequireTokens(text.tokens);
    for (const auto* slots : {&prefix_, &system_, &user_, &assistant_}) RequireEos(*slots);
  }

  std::vector<SftTurn> Encode(const SftExample& example) const override {
    const std::string& system = example.system.empty() ? default_system_ : example.system;
    std::vector<SftTurn> turns;
    for (size_t i = 0; i + 1 < example.turns.size(); i += 2) {
      SftTurn& turn = turns.emplace_back();
      const bool is_last = i + 2 == example.turns.size();
      AppendQuestion(i == 0, system, example.turns[i].content, &turn.prompt);
      AppendAnswer(is_last, example.turns[i + 1].content, &turn);
    }
    return turns;
  }

 private:
  void RequireTokens(std::string_view names) const {
    while (!names.empty()) {
      const std::string_view name = names.substr(0, names.find(' '));
      names.remove_prefix(std::min(name.size() + 1, names.size()));
      const auto id = tokenizer_->TokenToId(name);
      const std::vector<TokenId> ids = EncodeText(name);
      if (id && std::find(ids.begin(), ids.end(), *id) != ids.end()) continue;
      throw Error(ErrorCode::kUnsupported, context_,
                  "the model's tokenizer has no token " + std::string(name) +
                      ", and training does not add one; choose a template of the model's family");
    }
  }

  void RequireEos(const std::vector<Slot>& slots) const {
    for (const Slot& slot : slots) {
      if (slot.kind != Slot::kEos || tokenizer_->eos_id()) continue;
      throw Error(ErrorCode::kUnsupported, context_,
                  "the model's tokenizer names no end-of-text token (eos_token)");
    }
  }

  std::vector<TokenId> EncodeText(std::string_view text) const {
    return tokenizer_->Encode(text, {.add_special_tokens = false}).ids;
  }

  void AppendText(std::string_view text, std::vector<TokenId>* ids) const {
    const std::vector<TokenId> more = EncodeText(text);
    ids->insert(ids->end(), more.begin(), more.end());
  }

  void Append(const std::vector<Slot>& slots, std::string_view content,
              std::vector<TokenId>* ids) const {
    for (const Slot& slot : slots) {
      if (slot.kind == Slot::kText) {
        std::string text = slot.before;
        if (slot.has_content) text.append(content).append(slot.after);
        if (!text.empty()) AppendText(text, ids);
      } else if (const auto id =
                     slot.kind == Slot::kBos ? tokenizer_->bos_id() : tokenizer_->eos_id()) {
        ids->push_back(*id);
      }
    }
  }

  void AppendQuestion(bool is_first, const std::string& system, const std::string& content,
                      std::vector<TokenId>* ids) const {
    std::string folded;
    if (is_first) {
      Append(prefix_, "", ids);
      if (!system.empty() && (system_in_user_ || special_tokens_)) {
        folded = system_.front().before + system + system_.front().after;
      } else if (!system.empty()) {
        Append(system_, system, ids);
      }
    }
    if (is_first && special_tokens_) {
      *ids = tokenizer_->Encode(folded + content).ids;
    } else {
      Append(user_, folded + content, ids);
    }
  }

  void AppendAnswer(bool is_last, std::string answer, SftTurn* turn) const {
    const bool drops = drop_old_thinking_ && !is_last;
    if (thinks_ && (drops || enable_thinking_ == false)) answer = WithoutThinking(answer);
    if (thinks_ && !drops && !Thinks(answer)) {
      const std::string empty = std::string(kThinkOpen) + std::string(kThinkClose);
      AppendText(empty, enable_thinking_ == true ? &turn->answer : &turn->prompt);
    }
    Append(assistant_, answer, &turn->answer);
  }

  std::shared_ptr<const Tokenizer> tokenizer_;
  std::string context_;
  std::vector<Slot> prefix_, system_, user_, assistant_;
  std::string default_system_;
  bool system_in_user_;
  bool thinks_;
  bool special_tokens_;
  std::optional<bool> enable_thinking_;
  bool drop_old_thinking_;
};

}  // namespace

std::unique_ptr<const SftTurnEncoder> MakeTemplateEncoder(
    const SftTemplateText& text, std::shared_ptr<const Tokenizer> tokenizer,
    const SftTurnOptions& options, bool drop_old_thinking) {
  return std::make_unique<TemplateEncoder>(text, std::move(tokenizer), options, drop_old_thinking);
}

}  // namespace dear
