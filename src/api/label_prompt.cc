#include "api/label_prompt.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "rank/answer.h"
#include "rank/id_pattern.h"
#include "rank/placeholders.h"
#include "rank/prompt.h"
#include "rank/text_rule.h"

namespace dear {
namespace {

constexpr std::string_view kThinkOpen = "<think>";
constexpr std::string_view kThinkClose = "</think>";

[[noreturn]] void Refuse(const Recipe& recipe, const std::string& why) {
  throw Error(ErrorCode::kUnsupported, "prompt recipe " + recipe.name, why);
}

// A system message or none, then user and assistant in turn, the user last.
bool Alternates(std::span<const ChatMessage> messages) {
  if (!messages.empty() && messages.front().role == "system") messages = messages.subspan(1);
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role != (i % 2 == 0 ? "user" : "assistant")) return false;
  }
  return messages.size() % 2 == 1;
}

std::string NumberingName(IdStyle style) {
  switch (style) {
    case IdStyle::kZeroBased: return "from 0";
    case IdStyle::kOneBased: return "from 1";
    case IdStyle::kLetters: return "by letters";
  }
  return "";
}

// The text by which the recipe tells that the reasoning is over.
std::string EndOfReasoning(const Recipe& recipe, std::string_view reasoning) {
  std::string close = "\n" + std::string(kThinkClose) + "\n\n";
  const bool closed = reasoning.find(kThinkClose) != std::string_view::npos;
  if (reasoning.starts_with(kThinkOpen) && !closed) return close;
  const AnswerRule& answer = recipe.answer;
  bool knows_close = false;
  for (const auto* markers : {&recipe.reasoning.after, &answer.after_last, &answer.after}) {
    for (size_t i = markers->size(); i > 0; --i) {
      const std::string& marker = (*markers)[i - 1];
      if (marker != kThinkClose) return "\n" + marker + " ";
      knows_close = true;
    }
  }
  return knows_close && !closed ? close : "\n\n";
}

}  // namespace

LabelPrompts::LabelPrompts(Recipe recipe, std::shared_ptr<const Tokenizer> tokenizer)
    : recipe_(std::move(recipe)), tokenizer_(std::move(tokenizer)) {
  if (recipe_.kind != RecipeKind::kListwise) {
    throw Error(ErrorCode::kInvalidArgument, "prompt recipe " + recipe_.name,
                "is " + std::string(RecipeKindName(recipe_.kind)) +
                    "; what is learned by answers is a listwise one");
  }
  if (recipe_.decoding.first_token || !recipe_.prompt.begin_answer.empty()) {
    Refuse(recipe_, "begins the answer for the model, which a row of prompt and answer cannot say");
  }
  if (!recipe_.prompt.chat) return;
  const std::vector<PassageText> two(2);
  const std::vector<ChatMessage> messages = BuildMessages(recipe_, "", two);
  if (!Alternates(messages)) {
    Refuse(recipe_,
           "its turns do not go from user to assistant and back, which is what a row can hold");
  }
  has_history_ = std::ranges::count(messages, "assistant", &ChatMessage::role) > 0;
}

std::string LabelPrompts::TemplateName() const {
  if (!recipe_.prompt.chat) return "plain";
  return recipe_.prompt.chat_format.empty() ? "auto" : recipe_.prompt.chat_format;
}

void LabelPrompts::RequireFit(const Recipe& teacher, bool reasons) const {
  if (!reasons && recipe_.reasoning.always)
    Refuse(recipe_, "demands reasoning, of which the teacher writes none");
  if (!reasons || teacher.ids == recipe_.ids) return;
  Refuse(recipe_, "numbers the passages " + NumberingName(recipe_.ids) + ", the teacher's recipe " +
                      teacher.name + " " + NumberingName(teacher.ids) +
                      ", so that its reasoning would speak of others");
}

std::optional<OrderedJson> LabelPrompts::Row(const RankRequest& request,
                                             std::span<const int64_t> order,
                                             std::string_view reasoning) const {
  const std::string answer = Answer(order, reasoning);
  const ParsedAnswer read = ParseAnswer(recipe_, answer, static_cast<int64_t>(order.size()),
                                        !reasoning.empty() || recipe_.reasoning.always);
  if (!std::ranges::equal(read.order, order) || read.repair != Repair::kOk) return std::nullopt;

  std::vector<ChatMessage> messages = Messages(request);
  OrderedJson row;
  if (messages.front().role == "system") {
    row["system"] = std::move(messages.front().content);
    messages.erase(messages.begin());
  }
  row["instruction"] = std::move(messages.back().content);
  row["input"] = "";
  row["output"] = answer;
  if (messages.size() == 1) return row;
  OrderedJson& history = row["history"] = OrderedJson::array();
  for (size_t i = 0; i + 1 < messages.size(); i += 2)
    history.push_back(OrderedJson::array({messages[i].content, messages[i + 1].content}));
  return row;
}

std::vector<ChatMessage> LabelPrompts::Messages(const RankRequest& request) const {
  const RankOptions none;
  const std::string query = PrepareQuery(QueryRule(recipe_, none), request.query, *tokenizer_);
  // Words are cut where it is known how many passages share the prompt (ListwisePrompts).
  TextRule rule = PassageRule(recipe_, none);
  TextCut words;
  if (rule.cut.unit == CutUnit::kWords) words = std::exchange(rule.cut, {});
  std::vector<PassageText> passages;
  for (const Passage& passage : request.passages)
    passages.push_back(PreparePassage(rule, passage, *tokenizer_));
  if (words.unit == CutUnit::kWords) {
    auto length = static_cast<double>(words.length);
    if (words.for_passages > 0)
      length *= static_cast<double>(words.for_passages) / static_cast<double>(passages.size());
    passages = CutToWords(passages, static_cast<int64_t>(length));
  }
  if (recipe_.prompt.chat) return BuildMessages(recipe_, query, passages);
  return {
      {"user", BuildListwisePrompt(recipe_, nullptr, *tokenizer_, query, passages, false).text}};
}

std::string LabelPrompts::Answer(std::span<const int64_t> order, std::string_view reasoning) const {
  std::string ranking;
  for (const int64_t index : order) {
    if (!ranking.empty()) ranking += recipe_.answer.separator;
    const std::string id = IdText(recipe_.ids, index);
    ranking += Fill(recipe_.answer.item, {{"id", id}});
  }
  if (reasoning.empty()) return ranking;
  // A ranking that ends before a text of the recipe's ("</answer>") is closed by it.
  if (!recipe_.answer.before.empty()) ranking += " " + recipe_.answer.before.front();
  return std::string(reasoning) + EndOfReasoning(recipe_, reasoning) + ranking;
}

}  // namespace dear
