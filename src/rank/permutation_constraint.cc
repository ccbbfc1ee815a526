#include "rank/permutation_constraint.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "rank/answer.h"
#include "rank/identifier_paths.h"

namespace dear {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
// What may stand before a ranking.
constexpr std::array<std::string_view, 4> kLeads = {"", " ", "\n", "\n\n"};

}  // namespace

PermutationConstraint::PermutationConstraint(const Tokenizer& tokenizer, const Recipe& recipe,
                                             int64_t n, bool reasoning,
                                             std::span<const TokenId> prompt)
    : tokenizer_(tokenizer),
      recipe_(recipe),
      reasoning_(reasoning),
      text_(recipe, n),
      encoder_(tokenizer, prompt) {}

std::optional<std::vector<TokenId>> PermutationConstraint::Allowed(
    std::span<const TokenId> written) {
  const std::string whole = recipe_.prompt.begin_answer + tokenizer_.Decode(written, true);
  std::string_view text = whole;
  if (reasoning_) {
    const auto ranking = BehindMarkers(recipe_, text);
    if (!ranking) return std::nullopt;
    text = *ranking;
  }
  const bool nothing_yet = text.empty();
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  const auto state = text_.Read(text);
  const auto fail = [&] {
    throw Error(ErrorCode::kUnsupported, "constrained decoding",
                "the tokenizer cannot write a ranking on from '" + whole + "'");
  };
  if (!state) fail();
  std::vector<TokenId> allowed;
  if (text_.Complete(*state)) return allowed;
  const std::vector<int64_t> candidates = text_.Candidates(*state);
  for (const std::string_view lead : kLeads) {
    if (!lead.empty() && !nothing_yet) break;
    RankingText::State begin = *state;
    begin.fixed.insert(0, lead);
    const auto paths = FindPaths(encoder_, written, text_, begin, candidates);
    if (!paths) continue;
    if (!paths->shared.empty()) {
      allowed.push_back(paths->shared.front());
      continue;
    }
    for (const std::vector<TokenId>& path : paths->of) {
      if (!path.empty()) allowed.push_back(path.front());
    }
  }
  std::ranges::sort(allowed);
  allowed.erase(std::unique(allowed.begin(), allowed.end()), allowed.end());
  if (allowed.empty()) fail();
  return allowed;
}

}  // namespace dear
