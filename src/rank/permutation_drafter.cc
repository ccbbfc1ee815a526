#include "rank/permutation_drafter.h"

#include <algorithm>

#include "text/python_text.h"

namespace dear {
namespace {

// Tokens from the end of an answer that are read: a whole ranking, or a marker.
constexpr size_t kTokensAnId = 12;
constexpr size_t kFewestTokens = 64;

bool IsBlank(std::string_view text) {
  return StripSpace(text).empty();
}

}  // namespace

PermutationDrafter::PermutationDrafter(const Tokenizer& tokenizer, const Recipe& recipe, int64_t n,
                                       bool reasoning, std::span<const TokenId> prompt)
    : tokenizer_(tokenizer),
      recipe_(recipe),
      reasoning_(reasoning),
      text_(recipe, n),
      encoder_(tokenizer, prompt),
      repetition_(reasoning ? prompt : std::span<const TokenId>()),
      between_(PathsBetween()),
      scores_(between_ ? between_->of : std::vector<std::vector<TokenId>>(static_cast<size_t>(n))) {
}

bool PermutationDrafter::BeginsBehind(std::string_view text) const {
  if (!reasoning_ && IsBlank(text)) return true;
  for (const auto* markers :
       {&recipe_.answer.after, &recipe_.answer.after_last, &recipe_.reasoning.after}) {
    for (const std::string& marker : *markers) {
      const size_t at = text.rfind(marker);
      if (at != std::string_view::npos && IsBlank(text.substr(at + marker.size()))) return true;
    }
  }
  return false;
}

std::optional<RankingText::State> PermutationDrafter::StateAfter(
    std::span<const TokenId> written) const {
  const size_t read =
      std::min(written.size(), kFewestTokens + kTokensAnId * static_cast<size_t>(text_.size()));
  std::string text = tokenizer_.Decode(written.last(read), true);
  if (read == written.size()) text = recipe_.prompt.begin_answer + text;
  if (auto state = text_.ReadEnd(text)) return state;
  if (BeginsBehind(text)) return text_.Start();
  return std::nullopt;
}

std::vector<TokenId> PermutationDrafter::Draft(std::span<const TokenId> written, size_t limit) {
  decisions_.clear();
  const auto state = StateAfter(written);
  source_ = !state && reasoning_ ? DraftSource::kRepetition : DraftSource::kForm;
  if (source_ == DraftSource::kRepetition) return repetition_.Draft(written, limit);
  if (!state || text_.Complete(*state)) return {};
  const std::vector<int64_t> candidates = text_.Candidates(*state);
  const auto paths = FindPaths(encoder_, written, text_, *state, candidates);
  if (!paths) return {};
  const bool choice = candidates.size() > 1;
  if (choice) {
    decisions_.push_back({.row = paths->shared.size(),
                          .prefix = state->named,
                          .drafted = candidates.front(),
                          .paths = std::make_shared<IdentifierPaths>(*paths)});
  }
  if (choice && scores_.empty()) return paths->shared;

  const SlotScores::Guess guess = scores_.Complete(state->named, candidates);
  const auto next = std::span(guess.order).subspan(state->named.size());
  if (choice) decisions_.front().drafted = next.front();
  std::vector<RankingText::Place> places;
  std::string continuation = text_.Continuation(*state, next, &places);
  if (!recipe_.answer.before.empty()) continuation += recipe_.answer.before.front();
  const auto tokens = encoder_.Encode(written, continuation);
  if (!tokens) return {};
  FindDecisions(*state, next, places, continuation, *tokens);
  std::vector<TokenId> draft = tokens->ids;
  for (const Decision& decision : decisions_) {
    if (decision.prefix.size() != guess.informed) continue;
    // What ids of one beginning share is shown, and then the call has to say which of them it is.
    const bool begun = decision.prefix == state->named && !state->begun.empty();
    draft.resize(std::min(draft.size(), decision.row + (begun ? 0 : 1)));
  }
  if (draft.size() > limit) draft.resize(limit);
  return draft;
}

void PermutationDrafter::FindDecisions(const RankingText::State& state,
                                       std::span<const int64_t> order,
                                       std::span<const RankingText::Place> places,
                                       const std::string& continuation,
                                       const ContinuationEncoder::Tokens& tokens) {
  if (!between_) return;
  std::vector<int64_t> prefix = state.named;
  size_t token = 0;
  for (size_t k = 0; k + 1 < order.size(); ++k) {  // the last one is no choice
    const int64_t id = order[k];
    if (k > 0) {
      const std::vector<TokenId>& path = between_->of[static_cast<size_t>(id)];
      const int64_t begin =
          CodePointCount(std::string_view(continuation).substr(0, places[k].begin));
      while (token < tokens.ids.size() && tokens.offsets[token].second <= begin) ++token;
      // An id that is joined with what stands before it begins a token or two earlier.
      for (size_t back = 0; back <= std::min<size_t>(token, 2); ++back) {
        const auto here = std::span(tokens.ids).subspan(token - back);
        if (here.size() < path.size() || !std::ranges::equal(here.first(path.size()), path))
          continue;
        decisions_.push_back(
            {.row = token - back, .prefix = prefix, .drafted = id, .paths = between_});
        break;
      }
    }
    prefix.push_back(id);
  }
}

std::shared_ptr<const IdentifierPaths> PermutationDrafter::PathsBetween() const {
  if (text_.size() < 2) return nullptr;
  // Behind some id: which one says nothing about how the next is cut.
  const int64_t some = 0;
  const std::string before = text_.Start().fixed + text_.Id(some);
  RankingText::State state;
  state.fixed = text_.Continuation(text_.Start(), std::span(&some, 1)).substr(before.size());
  const ContinuationEncoder encoder(tokenizer_,
                                    tokenizer_.Encode(before, {.add_special_tokens = false}).ids);
  std::vector<int64_t> all;
  for (int64_t i = 0; i < text_.size(); ++i) all.push_back(i);
  auto paths = FindPaths(encoder, {}, text_, state, all);
  return paths ? std::make_shared<IdentifierPaths>(*std::move(paths)) : nullptr;
}

void PermutationDrafter::Learn(std::span<const Logits> rows, size_t /*accepted*/) {
  for (Decision& decision : decisions_) {
    if (decision.row >= rows.size()) continue;
    scores_.Set(std::move(decision.prefix),
                decision.paths->Read(rows.subspan(decision.row), decision.drafted));
  }
  decisions_.clear();
}

}  // namespace dear
