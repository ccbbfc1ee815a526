#include "rank/prompt.h"

#include <algorithm>

#include "base/error.h"
#include "rank/id_pattern.h"
#include "rank/placeholders.h"
#include "text/python_text.h"

namespace dear {
namespace {

Values PassageValues(const PassageText& passage, const std::string& id) {
  return {{"id", id},
          {"passage", passage.passage},
          {"title", passage.title},
          {"text", passage.text},
          {"score", passage.score}};
}

std::string PassageLines(const Recipe& recipe, std::span<const PassageText> passages) {
  std::string out;
  for (size_t i = 0; i < passages.size(); ++i) {
    if (i > 0) out += recipe.prompt.separator;
    const std::string id = IdText(recipe.ids, static_cast<int64_t>(i));
    out += Fill(recipe.prompt.passage, PassageValues(passages[i], id));
  }
  return out;
}

// All ids as one text: {ids}.
std::string IdList(const Recipe& recipe, size_t n) {
  std::string out;
  for (size_t i = 0; i < n; ++i) {
    if (i > 0) out += recipe.prompt.id_separator;
    const std::string id = IdText(recipe.ids, static_cast<int64_t>(i));
    out += Fill(recipe.prompt.id_item, {{"id", id}});
  }
  return out;
}

}  // namespace

std::shared_ptr<const ChatFormat> ChatFormatOf(const Recipe& recipe, const Tokenizer& tokenizer) {
  if (!recipe.prompt.chat) return nullptr;
  return recipe.prompt.chat_format.empty() ? RecognizeChatFormat(tokenizer)
                                           : FindChatFormat(recipe.prompt.chat_format);
}

std::vector<ChatMessage> BuildMessages(const Recipe& recipe, const std::string& query,
                                       std::span<const PassageText> passages) {
  const std::string num = std::to_string(passages.size());
  const std::string ids = IdList(recipe, passages.size());
  std::vector<ChatMessage> out;
  for (const MessageBlock& block : recipe.prompt.blocks) {
    if (!block.each_passage) {
      const std::string lines = PassageLines(recipe, passages);
      for (const MessageTemplate& message : block.messages) {
        out.push_back({message.role,
                       Fill(message.content,
                            {{"query", query}, {"num", num}, {"ids", ids}, {"passages", lines}})});
      }
      continue;
    }
    for (size_t i = 0; i < passages.size(); ++i) {
      const std::string id = IdText(recipe.ids, static_cast<int64_t>(i));
      Values values = PassageValues(passages[i], id);
      values.emplace_back("query", query);
      values.emplace_back("num", num);
      for (const MessageTemplate& message : block.messages) {
        out.push_back({message.role, Fill(message.content, values)});
      }
    }
  }
  return out;
}

Prompt BuildListwisePrompt(const Recipe& recipe, const ChatFormat* chat, const Tokenizer& tokenizer,
                           const std::string& query, std::span<const PassageText> passages,
                           bool reasoning) {
  Prompt prompt;
  if (chat != nullptr) {
    prompt.text = chat->Render(BuildMessages(recipe, query, passages), true);
    if (recipe.prompt.skip_thinking && !reasoning) prompt.text += chat->skip_thinking();
  } else {
    const std::string num = std::to_string(passages.size());
    const std::string lines = PassageLines(recipe, passages);
    const std::string ids = IdList(recipe, passages.size());
    prompt.text = Fill(recipe.prompt.text,
                       {{"query", query}, {"num", num}, {"ids", ids}, {"passages", lines}});
  }
  prompt.text += recipe.prompt.begin_answer;
  EncodeOptions options;
  options.add_special_tokens = recipe.prompt.special_tokens;
  prompt.ids = tokenizer.Encode(prompt.text, options).ids;
  prompt.full_tokens = static_cast<int64_t>(prompt.ids.size());
  if (recipe.prompt.truncate > 0 && prompt.full_tokens > recipe.prompt.truncate) {
    options.truncation = Truncation::kRight;
    options.max_length = recipe.prompt.truncate;
    prompt.ids = tokenizer.Encode(prompt.text, options).ids;
  }
  return prompt;
}

std::vector<PassageText> Shortened(std::span<const PassageText> passages, int64_t chars) {
  std::vector<PassageText> out;
  out.reserve(passages.size());
  for (const PassageText& passage : passages) {
    out.push_back({std::string(FirstCodePoints(passage.title, chars)),
                   std::string(FirstCodePoints(passage.text, chars)),
                   std::string(FirstCodePoints(passage.passage, chars)), passage.score});
  }
  return out;
}

std::vector<PassageText> CutToWords(std::span<const PassageText> passages, int64_t words) {
  std::vector<PassageText> out;
  out.reserve(passages.size());
  for (const PassageText& passage : passages) {
    out.push_back({passage.title, FirstWords(passage.text, words),
                   FirstWords(passage.passage, words), passage.score});
  }
  return out;
}

int64_t CutThatFits(int64_t longest, int64_t limit,
                    const std::function<int64_t(int64_t chars)>& tokens_at) {
  const int64_t fixed = tokens_at(0);
  if (fixed > limit) return -1;
  int64_t chars = longest;
  while (chars > 0) {
    const int64_t tokens = tokens_at(chars);
    if (tokens <= limit) return chars;
    const double share = static_cast<double>(limit - fixed) / static_cast<double>(tokens - fixed);
    chars = std::min(chars - 1, static_cast<int64_t>(share * static_cast<double>(chars)));
  }
  return 0;
}

}  // namespace dear
