#include "rank/identifier_paths.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "text/python_text.h"

namespace dear {
namespace {

double LogSumExp(const std::map<TokenId, float>& logits) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const auto& [token, logit] : logits) largest = std::max(largest, double{logit});
  double sum = 0;
  for (const auto& [token, logit] : logits) sum += std::exp(logit - largest);
  return largest + std::log(sum);
}

}  // namespace

Ballot IdentifierPaths::Read(std::span<const std::span<const float>> rows, int64_t along) const {
  Ballot out{std::vector<double>(of.size(), std::numeric_limits<double>::quiet_NaN()),
             std::vector<int32_t>(of.size(), -1)};
  std::vector<size_t> group;  // passages that the tokens so far leave open
  for (size_t i = 0; i < of.size(); ++i) {
    if (!of[i].empty()) group.push_back(i);
  }
  const std::vector<TokenId>& way = of[static_cast<size_t>(along)];
  int32_t bundles = 0;
  double before = 0;  // the probability of the tokens so far
  for (size_t level = 0; level < rows.size() && group.size() > 1; ++level) {
    const std::span<const float> row = rows[level];
    std::map<TokenId, float> logits;
    std::map<TokenId, std::vector<size_t>> members;
    for (const size_t i : group) {
      // No path is the beginning of another.
      const TokenId token = level < of[i].size() ? of[i][level] : -1;
      if (token < 0 || static_cast<size_t>(token) >= row.size()) return out;
      logits[token] = row[static_cast<size_t>(token)];
      members[token].push_back(i);
    }
    const double all = LogSumExp(logits);
    group.clear();
    for (const auto& [token, passages] : members) {
      const double score = before + double{logits[token]} - all;
      const int32_t bundle = passages.size() > 1 ? bundles++ : -1;
      for (const size_t i : passages) {
        out.scores[i] = score;
        out.bundle[i] = bundle;
      }
      if (level < way.size() && token == way[level]) group = passages;
    }
    before = group.empty() ? 0 : out.scores[group.front()];
  }
  return out;
}

std::optional<IdentifierPaths> FindPaths(const ContinuationEncoder& encoder,
                                         std::span<const TokenId> written, const RankingText& text,
                                         const RankingText::State& state,
                                         std::span<const int64_t> candidates) {
  IdentifierPaths out;
  out.of.resize(static_cast<size_t>(text.size()));
  std::vector<ContinuationEncoder::Tokens> ways;
  std::vector<int64_t> id_ends;
  for (const int64_t candidate : candidates) {
    std::vector<RankingText::Place> places;
    const std::string continuation = text.Continuation(state, std::span(&candidate, 1), &places);
    auto tokens = encoder.Encode(written, continuation);
    if (!tokens) return std::nullopt;
    ways.push_back(*std::move(tokens));
    id_ends.push_back(CodePointCount(std::string_view(continuation).substr(0, places[0].end)));
  }
  if (ways.empty()) return std::nullopt;
  out.shared = ways.front().ids;
  for (const auto& way : ways) {
    const auto [mine, theirs] = std::ranges::mismatch(out.shared, way.ids);
    out.shared.erase(mine, out.shared.end());
  }
  if (ways.size() == 1) return out;
  for (size_t w = 0; w < ways.size(); ++w) {
    size_t end = out.shared.size();
    while (end < ways[w].ids.size() && ways[w].offsets[end].second < id_ends[w]) ++end;
    end = std::min(end + 2, ways[w].ids.size());
    out.of[static_cast<size_t>(candidates[w])].assign(
        ways[w].ids.begin() + static_cast<std::ptrdiff_t>(out.shared.size()),
        ways[w].ids.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return out;
}

}  // namespace dear
