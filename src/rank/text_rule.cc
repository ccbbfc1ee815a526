#include "rank/text_rule.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "rank/id_pattern.h"
#include "rank/placeholders.h"
#include "rank/text_rule_clean.h"
#include "text/python_text.h"

namespace dear {
namespace {

std::string FirstTokens(std::string_view text, int64_t count, const Tokenizer& tokenizer) {
  EncodeOptions options;
  options.add_special_tokens = false;
  const Encoding encoding = tokenizer.Encode(text, options, /*with_offsets=*/true);
  if (static_cast<int64_t>(encoding.ids.size()) <= count) return std::string(text);
  int64_t end = 0;
  for (int64_t i = 0; i < count; ++i) {
    end = std::max(end, encoding.offsets.at(static_cast<size_t>(i)).second);
  }
  return std::string(FirstCodePoints(text, end));
}

constexpr std::string_view kTitleAndText = "{title} {text}";

std::string ThreeDecimals(double value) {
  if (!std::isfinite(value)) return "0.000";
  std::array<char, 400> out;
  const auto end =
      std::to_chars(out.data(), out.data() + out.size(), value, std::chars_format::fixed, 3).ptr;
  return {out.data(), end};
}

void Override(const std::optional<int64_t>& limit, CutUnit unit, const char* name, TextCut* cut,
              int* given) {
  if (!limit) return;
  if (*limit < 1) throw Error(ErrorCode::kInvalidArgument, name, "must be at least 1");
  *cut = {unit, *limit};
  ++*given;
}

}  // namespace

std::string EscapeIds(std::string_view text) {
  std::string out(text);
  for (size_t at = out.find('['); at < out.size(); at = out.find('[', at + 1)) {
    size_t end = at + 1;
    for (size_t next = end; next < out.size(); end = next) {
      if (!IsDecimalDigit(NextCodePoint(out, &next))) break;
    }
    if (end == at + 1 || end >= out.size() || out[end] != ']') continue;
    out[at] = '(';
    out[end] = ')';
  }
  return out;
}

std::string CutText(const TextCut& cut, std::string_view text, const Tokenizer& tokenizer) {
  switch (cut.unit) {
    case CutUnit::kNone: break;
    case CutUnit::kChars: return std::string(FirstCodePoints(text, cut.length));
    case CutUnit::kWords: return FirstWords(text, cut.length);
    case CutUnit::kTokens: return FirstTokens(text, cut.length, tokenizer);
  }
  return std::string(text);
}

std::string ApplyTextRule(const TextRule& rule, std::string_view text, const Tokenizer& tokenizer) {
  std::string out = RepairUtf8(text);
  for (const std::string& part : rule.remove) out = ReplaceAll(out, part, "");
  if (rule.strip) out = std::string(StripSpace(out));
  if (rule.clean) out = CleanText(out);
  out = CutText(rule.cut, out, tokenizer);
  return rule.escape_ids ? EscapeIds(out) : out;
}

TextRule QueryRule(const Recipe& recipe, const RankOptions& options) {
  TextRule rule = recipe.query;
  int given = 0;
  Override(options.max_query_words, CutUnit::kWords, "max_query_words", &rule.cut, &given);
  return rule;
}

TextRule PassageRule(const Recipe& recipe, const RankOptions& options) {
  TextRule rule = recipe.passage;
  int given = 0;
  Override(options.max_passage_words, CutUnit::kWords, "max_passage_words", &rule.cut, &given);
  Override(options.max_passage_chars, CutUnit::kChars, "max_passage_chars", &rule.cut, &given);
  Override(options.max_passage_tokens, CutUnit::kTokens, "max_passage_tokens", &rule.cut, &given);
  if (given > 1) {
    throw Error(ErrorCode::kInvalidArgument,
                "max_passage_words, max_passage_chars, max_passage_tokens",
                "at most one of them can be given");
  }
  return rule;
}

PassageText PreparePassage(const TextRule& rule, const Passage& passage,
                           const Tokenizer& tokenizer) {
  PassageText out;
  out.title = RepairUtf8(passage.title);
  out.text = ApplyTextRule(rule, passage.text, tokenizer);
  out.passage = out.text;
  if (!passage.title.empty()) {
    const std::string_view form = rule.with_title.empty() ? kTitleAndText : rule.with_title;
    out.passage = ApplyTextRule(
        rule, Fill(form, {{"title", passage.title}, {"text", passage.text}}), tokenizer);
  }
  out.score = ThreeDecimals(passage.first_stage_score.value_or(0));
  return out;
}

std::string PrepareQuery(const TextRule& rule, std::string_view query, const Tokenizer& tokenizer) {
  std::string out = ApplyTextRule(rule, query, tokenizer);
  if (StripSpace(out).empty()) throw Error(ErrorCode::kInvalidArgument, "query", "is empty");
  return out;
}

}  // namespace dear
