#include "rank/answer.h"

#include <algorithm>
#include <array>
#include <optional>

#include "rank/id_pattern.h"
#include "text/python_text.h"

namespace dear {
namespace {

char LowerAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// The texts before and behind the first or the last place of `marker`, any case.
struct Divided {
  std::string_view before, behind;
};
std::optional<Divided> Divide(std::string_view text, std::string_view marker, bool last) {
  const auto same = [](char a, char b) { return LowerAscii(a) == LowerAscii(b); };
  const auto found =
      last ? std::find_end(text.begin(), text.end(), marker.begin(), marker.end(), same)
           : std::search(text.begin(), text.end(), marker.begin(), marker.end(), same);
  if (marker.empty() || found == text.end()) return std::nullopt;
  const auto at = static_cast<size_t>(found - text.begin());
  return Divided{text.substr(0, at), text.substr(at + marker.size())};
}

// `text` without what stands before its markers.
std::optional<Divided> DivideAtMarkers(const Recipe& recipe, std::string_view text,
                                       bool reasoning) {
  std::optional<Divided> parts;
  const auto take = [&](const std::optional<Divided>& cut) {
    if (!cut) return false;
    // What stood before stays reasoning, the marker between them included.
    const char* end = cut->before.data() + cut->before.size();
    parts = {text.substr(0, static_cast<size_t>(end - text.data())), cut->behind};
    return true;
  };
  const auto behind = [&] { return parts ? parts->behind : text; };
  for (const std::string& marker : recipe.answer.after) {
    if (take(Divide(behind(), marker, false))) break;
  }
  for (const std::string& marker : recipe.answer.after_last) take(Divide(behind(), marker, true));
  if (reasoning) {
    for (const std::string& marker : recipe.reasoning.after) take(Divide(behind(), marker, true));
  }
  return parts;
}

// The last line that names two passages or more is the ranking.
std::optional<Divided> DivideAtRankingLine(std::string_view text, const IdPattern& pattern) {
  for (size_t end = text.size();;) {
    const size_t newline = end == 0 ? std::string_view::npos : text.rfind('\n', end - 1);
    const size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
    if (pattern.FindAll(text.substr(begin, end - begin)).size() >= 2) {
      return Divided{text.substr(0, begin), text.substr(begin, end - begin)};
    }
    if (begin == 0) return std::nullopt;
    end = begin - 1;
  }
}

Divided Split(const Recipe& recipe, const IdPattern& pattern, std::string_view text,
              bool reasoning) {
  std::optional<Divided> divided = DivideAtMarkers(recipe, text, reasoning);
  if (!divided && reasoning) divided = DivideAtRankingLine(text, pattern);
  Divided parts = divided.value_or(Divided{text.substr(0, 0), text});
  for (const std::string& marker : recipe.answer.before) {
    if (const auto cut = Divide(parts.behind, marker, false)) parts.behind = cut->before;
  }
  return parts;
}

bool IsIdByte(IdStyle style, char c) {
  return style == IdStyle::kLetters ? c >= 'A' && c <= 'Z' : c >= '0' && c <= '9';
}

// RankLLM's format: nothing but ids, brackets, ">" and blanks, and ids joined by "] > [".
bool HasRankLlmFormat(IdStyle style, std::string_view text) {
  const auto is_id = [&](char c) { return IsIdByte(style, c); };
  if (!std::ranges::all_of(
          text, [&](char c) { return is_id(c) || c == '[' || c == ']' || c == '>' || c == ' '; })) {
    return false;
  }
  const auto first = std::ranges::find_if(text, is_id);
  if (first == text.end()) return false;
  text.remove_prefix(static_cast<size_t>(first - text.begin()));
  while (!is_id(text.back())) text.remove_suffix(1);
  constexpr std::string_view kBetween = "] > [";
  for (;;) {
    const size_t at = text.find(kBetween);
    const std::string_view id = StripSpace(text.substr(0, at));
    if (id.empty() || !std::ranges::all_of(id, is_id)) return false;
    if (at == std::string_view::npos) return true;
    text.remove_prefix(at + kBetween.size());
  }
}

// Digits that look like others (superscript, subscript, circled, wide, with a full stop) as plain
// ones: RankLLM's table (rank_llm/rerank/listwise/listwise_inference_handler.py).
std::string FoldDigits(std::string_view text) {
  struct Run {
    char32_t first, last;
    int value;
  };
  constexpr std::array<Run, 9> kRuns = {{{0x2070, 0x2070, 0},
                                         {0xB9, 0xB9, 1},
                                         {0xB2, 0xB3, 2},
                                         {0x2074, 0x2079, 4},
                                         {0x2080, 0x2089, 0},
                                         {0x2460, 0x2468, 1},
                                         {0x2776, 0x277E, 1},
                                         {0xFF10, 0xFF19, 0},
                                         {0x1F100, 0x1F109, 0}}};
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = NextCodePoint(text, &at);
    const auto* run =
        std::ranges::find_if(kRuns, [&](const Run& r) { return c >= r.first && c <= r.last; });
    if (run == kRuns.end()) {
      out.append(text.substr(begin, at - begin));
    } else {
      out.push_back(static_cast<char>('0' + run->value + static_cast<int>(c - run->first)));
    }
  }
  return out;
}

// What the ids of an answer about `n` passages say.
struct CountedIds {
  int64_t named = 0;
  bool repeated = false;
  bool out_of_range = false;
};

CountedIds CountIds(IdStyle style, const IdPattern& pattern, std::string_view text, int64_t n,
                    std::vector<int64_t>* order) {
  CountedIds out;
  std::vector<bool> seen(static_cast<size_t>(n), false);
  for (const std::string_view id : pattern.FindAll(text)) {
    ++out.named;
    const int64_t index = IdIndex(style, id);
    if (index < 0 || index >= n) {
      out.out_of_range = true;
    } else if (seen[static_cast<size_t>(index)]) {
      out.repeated = true;
    } else {
      seen[static_cast<size_t>(index)] = true;
      if (order != nullptr) order->push_back(index);
    }
  }
  return out;
}

Repair RepairOf(const Recipe& recipe, const std::string& ranking, const CountedIds& ids,
                int64_t n) {
  const bool well_formed = recipe.answer.valid.empty()
                               ? HasRankLlmFormat(recipe.ids, ranking)
                               : IdPattern(recipe.answer.valid).Matches(ranking) && ids.named > 0;
  if (!well_formed) return Repair::kWrongFormat;
  if (ids.named < n || (ids.named == n && !ids.repeated && ids.out_of_range)) {
    return Repair::kMissing;
  }
  return ids.named > n || ids.repeated ? Repair::kRepetition : Repair::kOk;
}

}  // namespace

std::optional<std::string_view> BehindMarkers(const Recipe& recipe, std::string_view text) {
  const auto parts = DivideAtMarkers(recipe, text, /*reasoning=*/true);
  return parts ? std::optional(parts->behind) : std::nullopt;
}

ParsedAnswer ParseAnswer(const Recipe& recipe, std::string_view text, int64_t n, bool reasoning) {
  const std::string repaired = RepairUtf8(text);
  const IdPattern pattern(recipe.answer.pattern);
  const Divided parts = Split(recipe, pattern, repaired, reasoning);

  ParsedAnswer out;
  out.reasoning = StripSpace(parts.before);
  out.ranking = StripSpace(parts.behind);
  const std::string read = recipe.answer.fold_digits ? FoldDigits(out.ranking) : out.ranking;
  CountedIds ids = CountIds(recipe.ids, pattern, read, n, &out.order);
  if (!recipe.answer.counted.empty()) {
    ids = CountIds(recipe.ids, IdPattern(recipe.answer.counted), out.ranking, n, nullptr);
  }
  out.repair = RepairOf(recipe, out.ranking, ids, n);
  std::vector<bool> seen(static_cast<size_t>(n), false);
  for (const int64_t index : out.order) seen[static_cast<size_t>(index)] = true;
  for (int64_t index = 0; index < n; ++index) {
    if (!seen[static_cast<size_t>(index)]) out.order.push_back(index);
  }
  return out;
}

}  // namespace dear
