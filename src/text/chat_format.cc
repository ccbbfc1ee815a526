#include "text/chat_format.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/embedded.h"
#include "base/error.h"
#include "text/python_text.h"
#include "text/yaml_fields.h"

namespace dear {

std::span<const EmbeddedFile> EmbeddedFiles_chat_formats();

namespace {

struct Turn {
  std::string prefix;
  std::string suffix;
  bool trim = false;      // content.strip()
  bool thinking = false;  // Qwen3's rule for <think> in an assistant's turn
};

enum class SystemPlace { kTurn, kFirstUser, kLastUser, kRefused };

// What becomes of a system message that opens the conversation.
struct OpeningSystem {
  SystemPlace place = SystemPlace::kTurn;
  Turn turn;
  bool trim_whole = false;  // folded into a user turn: trimmed together with it
  std::optional<std::string> fallback;
};

struct Format {
  std::string name;
  std::vector<std::string> all, none;  // markers in a template that is this format
  std::string bos;
  bool alternate = false;
  std::map<std::string, Turn, std::less<>> turns;
  std::optional<OpeningSystem> system;
  std::string generation_prompt;
  std::string skip_thinking;
};

[[noreturn]] void Refuse(const Format& format, const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, "chat format " + format.name, what);
}

Turn ReadTurn(YamlFields fields) {
  Turn turn;
  turn.prefix = fields.String("prefix", "");
  turn.suffix = fields.String("suffix", "");
  turn.trim = fields.Bool("trim").value_or(false);
  turn.thinking = fields.Bool("thinking").value_or(false);
  fields.Finish();
  return turn;
}

OpeningSystem ReadSystem(YamlFields fields) {
  OpeningSystem system;
  system.place = static_cast<SystemPlace>(
      fields.Choice("place", {"turn", "first_user", "last_user", "refused"}, 0));
  system.turn.prefix = fields.String("prefix", "");
  system.turn.suffix = fields.String("suffix", "");
  system.turn.trim = fields.Bool("trim").value_or(false);
  system.trim_whole = fields.Bool("trim_whole").value_or(false);
  system.fallback = fields.String("default");
  fields.Finish();
  return system;
}

Format ReadFormat(YamlFields fields, const std::string& name) {
  Format format;
  format.name = name;
  fields.String("description");
  fields.Strings("models");
  auto recognize = fields.Map("recognize");
  if (!recognize) fields.Fail("recognize", "is missing");
  format.all = recognize->Strings("all");
  format.none = recognize->Strings("none");
  if (format.all.empty()) recognize->Fail("all", "must name at least one marker");
  recognize->Finish();
  format.bos = fields.String("bos", "");
  format.alternate = fields.Bool("alternate").value_or(false);
  auto turns = fields.Map("turns");
  if (!turns) fields.Fail("turns", "is missing");
  for (const char* role : {"system", "user", "assistant"}) {
    if (auto turn = turns->Map(role)) format.turns[role] = ReadTurn(*turn);
  }
  turns->Finish();
  for (const char* role : {"user", "assistant"}) {
    if (!format.turns.contains(role)) turns->Fail(role, "is missing");
  }
  if (auto system = fields.Map("system")) format.system = ReadSystem(*system);
  format.generation_prompt = fields.String("generation_prompt", "");
  format.skip_thinking = fields.String("skip_thinking", "");
  fields.Finish();
  return format;
}

// Qwen3's template keeps an assistant's reasoning only after the last question of the user, and
// writes the tags anew around it.
std::string WithThinking(std::string_view content, bool after_last_query, bool is_last) {
  constexpr std::string_view kOpen = "<think>";
  constexpr std::string_view kClose = "</think>";
  std::string_view reasoning;
  const size_t first_close = content.find(kClose);
  if (first_close != std::string_view::npos) {
    reasoning = StripNewlines(content.substr(0, first_close), false, true);
    const size_t open = reasoning.rfind(kOpen);
    if (open != std::string_view::npos) reasoning.remove_prefix(open + kOpen.size());
    reasoning = StripNewlines(reasoning, true, false);
    content = StripNewlines(content.substr(content.rfind(kClose) + kClose.size()), true, false);
  }
  if (!after_last_query || (!is_last && reasoning.empty())) return std::string(content);
  return "<think>\n" + std::string(StripNewlines(reasoning, true, true)) + "\n</think>\n\n" +
         std::string(StripNewlines(content, true, false));
}

bool IsQuery(const ChatMessage& message) {
  return message.role == "user" && !(message.content.starts_with("<tool_response>") &&
                                     message.content.ends_with("</tool_response>"));
}

class ChatFormatData final : public ChatFormat {
 public:
  explicit ChatFormatData(Format format) : format_(std::move(format)) {}

  const std::string& name() const override { return format_.name; }
  const std::string& skip_thinking() const override { return format_.skip_thinking; }

  std::string Render(std::span<const ChatMessage> messages,
                     bool add_generation_prompt) const override {
    if (messages.empty()) Refuse(format_, "a conversation needs at least one message");
    std::string out = format_.bos;
    std::optional<std::string> opening;
    if (format_.system) {
      const OpeningSystem& system = *format_.system;
      if (messages.front().role == "system") {
        if (system.place == SystemPlace::kRefused) {
          Refuse(format_, "it has no system role; put the text into the first user turn");
        }
        opening = messages.front().content;
        messages = messages.subspan(1);
      } else {
        opening = system.fallback;
      }
      if (opening && system.place == SystemPlace::kTurn) {
        Append(system.turn, *opening, &out);
        opening.reset();
      }
    }
    if (format_.alternate) CheckAlternation(messages);
    AppendTurns(messages, opening, &out);
    if (add_generation_prompt) out += format_.generation_prompt;
    return out;
  }

  bool Matches(std::string_view chat_template) const {
    const auto is_in = [&](const std::string& marker) {
      return chat_template.find(marker) != std::string_view::npos;
    };
    return std::ranges::all_of(format_.all, is_in) && std::ranges::none_of(format_.none, is_in);
  }

 private:
  static void Append(const Turn& turn, std::string_view content, std::string* out) {
    out->append(turn.prefix).append(turn.trim ? StripSpace(content) : content).append(turn.suffix);
  }

  void CheckAlternation(std::span<const ChatMessage> messages) const {
    for (size_t i = 0; i < messages.size(); ++i) {
      const char* expected = i % 2 == 0 ? "user" : "assistant";
      if (messages[i].role != expected) {
        Refuse(format_, "roles must alternate user/assistant/…, but turn " + std::to_string(i + 1) +
                            " after the system message is of '" + messages[i].role + "'");
      }
    }
  }

  void AppendTurns(std::span<const ChatMessage> messages, const std::optional<std::string>& folded,
                   std::string* out) const {
    size_t last_query = messages.empty() ? 0 : messages.size() - 1;
    for (size_t i = messages.size(); i-- > 0;) {
      if (!IsQuery(messages[i])) continue;
      last_query = i;
      break;
    }
    for (size_t i = 0; i < messages.size(); ++i) {
      const ChatMessage& message = messages[i];
      const auto found = format_.turns.find(message.role);
      if (found == format_.turns.end()) {
        Refuse(format_, "it has no turn for the role '" + message.role + "'");
      }
      const Turn& turn = found->second;
      if (folded && HoldsSystem(message, i, messages.size())) {
        AppendFolded(turn, *folded, message.content, out);
      } else if (turn.thinking) {
        Append(turn, WithThinking(message.content, i > last_query, i + 1 == messages.size()), out);
      } else {
        Append(turn, message.content, out);
      }
    }
  }

  bool HoldsSystem(const ChatMessage& message, size_t at, size_t count) const {
    const bool first = format_.system->place == SystemPlace::kFirstUser;
    return message.role == "user" && (first ? at == 0 : at + 1 == count);
  }

  void AppendFolded(const Turn& turn, const std::string& folded, const std::string& content,
                    std::string* out) const {
    const OpeningSystem& system = *format_.system;
    std::string whole;
    Append(system.turn, folded, &whole);
    if (system.trim_whole) {
      whole += content;
      out->append(turn.prefix).append(StripSpace(whole)).append(turn.suffix);
    } else {
      out->append(turn.prefix).append(whole);
      out->append(turn.trim ? StripSpace(content) : std::string_view(content)).append(turn.suffix);
    }
  }

  Format format_;
};

std::shared_ptr<const ChatFormatData> Parse(std::string_view yaml, const std::string& name,
                                            const std::string& context) {
  return std::make_shared<ChatFormatData>(
      ReadFormat(YamlFields(ParseYaml(yaml, context), context), name));
}

using Table = std::map<std::string, std::shared_ptr<const ChatFormatData>, std::less<>>;

const Table& Formats() {
  static const Table table = [] {
    Table out;
    for (const EmbeddedFile& file : EmbeddedFiles_chat_formats()) {
      const std::string name(file.name);
      out[name] = Parse(file.text, name, "models/chat/" + name + ".yaml");
    }
    return out;
  }();
  return table;
}

std::string NameList() {
  std::string out;
  for (const std::string& name : ChatFormatNames()) {
    out += out.empty() ? "" : ", ";
    out += name;
  }
  return out;
}

}  // namespace

std::shared_ptr<const ChatFormat> ParseChatFormat(std::string_view yaml, const std::string& name,
                                                  const std::string& context) {
  return Parse(yaml, name, context);
}

std::shared_ptr<const ChatFormat> FindChatFormat(std::string_view name) {
  const auto found = Formats().find(name);
  if (found == Formats().end()) {
    throw Error(ErrorCode::kNotFound, "chat format '" + std::string(name) + "'",
                "there is none of this name; known are " + NameList());
  }
  return found->second;
}

std::vector<std::string> ChatFormatNames() {
  std::vector<std::string> names;
  for (const auto& [name, format] : Formats()) names.push_back(name);
  return names;
}

std::shared_ptr<const ChatFormat> RecognizeChatFormat(std::string_view chat_template) {
  const std::string advice = "; name one with --chat-format (" + NameList() + ")";
  if (chat_template.empty()) {
    throw Error(ErrorCode::kUnsupported, "chat_template", "the model's files hold none" + advice);
  }
  std::shared_ptr<const ChatFormat> found;
  for (const auto& [name, format] : Formats()) {
    if (!format->Matches(chat_template)) continue;
    if (found) {
      throw Error(ErrorCode::kUnsupported, "chat_template",
                  "it looks like " + found->name() + " and like " + name + advice);
    }
    found = format;
  }
  if (!found) {
    throw Error(ErrorCode::kUnsupported, "chat_template",
                "the model's own template is none that is known here" + advice);
  }
  return found;
}

std::shared_ptr<const ChatFormat> RecognizeChatFormat(const Tokenizer& tokenizer) {
  return RecognizeChatFormat(tokenizer.chat_template());
}

}  // namespace dear
