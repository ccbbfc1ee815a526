#include "rank/pointwise_input.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "rank/placeholders.h"
#include "rank/prompt.h"
#include "text/python_text.h"

namespace dear {
namespace {

EncodeOptions Plain() {
  EncodeOptions options;
  options.add_special_tokens = false;
  return options;
}

bool IsOfPassage(const std::string& name) {
  return name == "passage" || name == "title" || name == "text";
}

void CutRight(int64_t length, std::vector<TokenId>* ids) {
  if (static_cast<int64_t>(ids->size()) > length) {
    ids->resize(static_cast<size_t>(std::max<int64_t>(0, length)));
  }
}

Values PassageValues(const PassageText& passage) {
  return {{"passage", passage.passage}, {"title", passage.title}, {"text", passage.text}};
}

}  // namespace

PointwiseInput::PointwiseInput(const Recipe& recipe, const Tokenizer& tokenizer, int64_t context,
                               std::string query, std::string instruction)
    : recipe_(recipe),
      tokenizer_(tokenizer),
      context_(context),
      query_(std::move(query)),
      instruction_(std::move(instruction)) {
  if (!recipe_.input.parts.empty()) PrepareParts();
}

std::vector<TokenId> PointwiseInput::PartTokens(const InputPart& rule,
                                                const std::string& text) const {
  std::vector<TokenId> ids = tokenizer_.Encode(text, Plain()).ids;
  if (rule.max_tokens > 0) CutRight(rule.max_tokens, &ids);
  if (rule.max_share > 0) {
    CutRight(static_cast<int64_t>(rule.max_share * static_cast<double>(part_limit_)), &ids);
  }
  if (rule.bos && tokenizer_.bos_id()) ids.insert(ids.begin(), *tokenizer_.bos_id());
  if (rule.eos && tokenizer_.eos_id()) ids.push_back(*tokenizer_.eos_id());
  return ids;
}

void PointwiseInput::PrepareParts() {
  const std::vector<InputPart>& rules = recipe_.input.parts;
  parts_.resize(rules.size());
  content_begin_ = rules.size();
  for (size_t i = 0; i < rules.size(); ++i) {
    parts_[i].text = !instruction_.empty() && !rules[i].with_instruction.empty()
                         ? rules[i].with_instruction
                         : rules[i].text;
    const std::vector<std::string> names = PlaceholdersIn(parts_[i].text);
    parts_[i].has_passage = std::ranges::any_of(names, IsOfPassage);
    if (names.empty()) continue;
    content_begin_ = std::min(content_begin_, i);
    content_end_ = i + 1;
  }
  content_begin_ = std::min(content_begin_, content_end_);

  int64_t head = 0, tail = 0;
  for (size_t i = 0; i < rules.size(); ++i) {
    if (i >= content_begin_ && i < content_end_) continue;
    parts_[i].ids = PartTokens(rules[i], parts_[i].text);
    (i < content_begin_ ? head : tail) += static_cast<int64_t>(parts_[i].ids.size());
  }
  const int64_t wanted = recipe_.input.max_length > 0 ? recipe_.input.max_length : context_;
  switch (recipe_.input.counts) {
    case LengthOf::kAll:
      part_limit_ = std::min(wanted, context_);
      content_limit_ = part_limit_ - head - tail;
      break;
    case LengthOf::kContent:
      part_limit_ = std::min(wanted, context_ - head - tail);
      content_limit_ = part_limit_;
      break;
    case LengthOf::kContentLessTail:
      content_limit_ = std::min(wanted + tail, context_ - head - tail);
      part_limit_ = std::min(wanted, content_limit_);
      break;
  }
  if (content_limit_ < 1) FailTooLong();
  const std::string instruction = instruction_.empty() ? recipe_.instruction : instruction_;
  for (size_t i = content_begin_; i < content_end_; ++i) {
    if (parts_[i].has_passage) continue;
    parts_[i].ids = PartTokens(
        rules[i], Fill(parts_[i].text, {{"query", query_}, {"instruction", instruction}}));
  }
  instruction_ = instruction;
}

void PointwiseInput::FailTooLong() const {
  throw Error(ErrorCode::kInvalidArgument, "query",
              "it and the recipe's own text do not fit the model's context of " +
                  std::to_string(context_) + " tokens, even without a passage");
}

PointwiseInput::Tokens PointwiseInput::Build(const PassageText& passage) const {
  if (!parts_.empty()) return BuildParts(passage);
  return recipe_.pair.query.empty() ? BuildPrompt(passage) : BuildPair(passage);
}

PointwiseInput::Tokens PointwiseInput::BuildPair(const PassageText& passage) const {
  EncodeOptions options;
  options.truncation = Truncation::kLongestFirst;
  options.max_length = context_;
  if (recipe_.pair.max_length > 0) {
    options.max_length = std::min(options.max_length, recipe_.pair.max_length);
  }
  const std::string first = Fill(recipe_.pair.query, {{"query", query_}});
  const std::string second = Fill(recipe_.pair.document, PassageValues(passage));
  return {first + "\n" + second, tokenizer_.EncodePair(first, second, options).ids};
}

PointwiseInput::Tokens PointwiseInput::BuildParts(const PassageText& passage) const {
  const std::vector<InputPart>& rules = recipe_.input.parts;
  Values values = PassageValues(passage);
  values.emplace_back("query", query_);
  values.emplace_back("instruction", instruction_);
  Tokens out;
  std::vector<std::vector<TokenId>> made(parts_.size());
  int64_t content = 0;
  size_t shrinking = parts_.size();
  for (size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    const std::string text = Fill(part.text, values);
    out.text += text;
    made[i] = part.has_passage ? PartTokens(rules[i], text) : part.ids;
    if (i >= content_begin_ && i < content_end_) content += static_cast<int64_t>(made[i].size());
    if (rules[i].shrink) shrinking = i;
  }
  if (content > content_limit_) {
    if (shrinking == parts_.size()) FailTooLong();
    // BOS and EOS of the part stay.
    const InputPart& rule = rules[shrinking];
    std::vector<TokenId>& ids = made[shrinking];
    const bool keeps_eos = rule.eos && tokenizer_.eos_id().has_value();
    const int64_t fixed = (rule.bos && tokenizer_.bos_id() ? 1 : 0) + (keeps_eos ? 1 : 0);
    const int64_t left = static_cast<int64_t>(ids.size()) - (content - content_limit_);
    if (left < fixed) FailTooLong();
    CutRight(left, &ids);
    if (keeps_eos) ids.back() = *tokenizer_.eos_id();
  }
  for (const std::vector<TokenId>& ids : made)
    out.ids.insert(out.ids.end(), ids.begin(), ids.end());
  return out;
}

PointwiseInput::Tokens PointwiseInput::FillPrompt(const PassageText& passage) const {
  Values values = PassageValues(passage);
  values.emplace_back("query", query_);
  const std::string& instruction = instruction_.empty() ? recipe_.instruction : instruction_;
  values.emplace_back("instruction", instruction);
  Tokens out;
  out.text = Fill(recipe_.prompt.text, values);
  EncodeOptions options;
  options.add_special_tokens = recipe_.prompt.special_tokens;
  if (recipe_.prompt.truncate > 0) {
    options.truncation = Truncation::kRight;
    options.max_length = recipe_.prompt.truncate;
  }
  out.ids = tokenizer_.Encode(out.text, options).ids;
  return out;
}

PointwiseInput::Tokens PointwiseInput::BuildPrompt(const PassageText& passage) const {
  Tokens out = FillPrompt(passage);
  if (static_cast<int64_t>(out.ids.size()) <= context_) return out;
  const auto build = [&](int64_t chars) {
    return FillPrompt(Shortened(std::span(&passage, 1), chars).front());
  };
  const int64_t longest = CodePointCount(passage.passage) + CodePointCount(passage.title);
  const int64_t chars = CutThatFits(
      longest, context_, [&](int64_t cut) { return static_cast<int64_t>(build(cut).ids.size()); });
  if (chars < 0) FailTooLong();
  out = build(chars);
  out.shortened = true;
  return out;
}

}  // namespace dear
