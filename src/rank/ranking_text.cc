#include "rank/ranking_text.h"

#include <algorithm>

#include "rank/id_pattern.h"
#include "rank/placeholders.h"

namespace dear {

RankingText::RankingText(const Recipe& recipe, int64_t n)
    : style_(recipe.ids), separator_(recipe.answer.separator) {
  for (int64_t i = 0; i < n; ++i) ids_.push_back(IdText(recipe.ids, i));
  constexpr std::string_view kId = "\x01";
  const std::string item = Fill(recipe.answer.item, {{"id", kId}});
  const size_t at = item.find(kId);
  before_id_ = item.substr(0, at);
  after_id_ = item.substr(at + kId.size());
}

bool RankingText::IsIdByte(char c) const {
  return style_ == IdStyle::kLetters ? c >= 'A' && c <= 'Z' : c >= '0' && c <= '9';
}

std::optional<RankingText::State> RankingText::Read(std::string_view text) const {
  State state = Start();
  std::vector<bool> seen(ids_.size(), false);
  while (true) {
    if (text.size() < state.fixed.size()) {
      if (!state.fixed.starts_with(text)) return std::nullopt;
      state.fixed.erase(0, text.size());
      return state;
    }
    if (!text.starts_with(state.fixed)) return std::nullopt;
    text.remove_prefix(state.fixed.size());
    state.fixed.clear();
    if (static_cast<size_t>(state.named.size()) == ids_.size()) {
      return text.empty() ? std::optional(state) : std::nullopt;
    }
    size_t length = 0;
    while (length < text.size() && IsIdByte(text[length])) ++length;
    const std::string_view id = text.substr(0, length);
    if (length == text.size()) {
      state.begun = id;
      if (Candidates(state).empty()) return std::nullopt;
      return state;
    }
    const int64_t index = IdIndex(style_, id);
    if (index < 0 || index >= size() || Id(index) != id || seen[static_cast<size_t>(index)]) {
      return std::nullopt;
    }
    seen[static_cast<size_t>(index)] = true;
    state.named.push_back(index);
    state.fixed = after_id_;
    if (state.named.size() < ids_.size()) state.fixed += separator_ + before_id_;
    text.remove_prefix(length);
  }
}

std::optional<RankingText::State> RankingText::ReadEnd(std::string_view text) const {
  for (size_t at = 0; at < text.size(); ++at) {
    if (before_id_.empty()) {
      if (!IsIdByte(text[at]) || (at > 0 && IsIdByte(text[at - 1]))) continue;
    } else {
      at = text.find(before_id_, at);
      if (at == std::string_view::npos) break;
    }
    std::optional<State> state = Read(text.substr(at));
    if (state && (!before_id_.empty() || !state->named.empty())) return state;
  }
  return std::nullopt;
}

bool RankingText::Complete(const State& state) const {
  return state.named.size() == ids_.size() && state.fixed.empty();
}

std::vector<int64_t> RankingText::Candidates(const State& state) const {
  std::vector<bool> named(ids_.size(), false);
  for (const int64_t index : state.named) named[static_cast<size_t>(index)] = true;
  std::vector<int64_t> candidates;
  for (int64_t i = 0; i < size(); ++i) {
    if (!named[static_cast<size_t>(i)] && Id(i).starts_with(state.begun)) candidates.push_back(i);
  }
  return candidates;
}

std::string RankingText::Continuation(const State& state, std::span<const int64_t> next,
                                      std::vector<Place>* places) const {
  std::string text = state.fixed;
  size_t left = ids_.size() - state.named.size();
  size_t skip = state.begun.size();
  for (const int64_t index : next) {
    const size_t begin = text.size();
    text += std::string_view(Id(index)).substr(skip);
    skip = 0;
    if (places != nullptr) places->push_back({begin, text.size()});
    text += after_id_;
    if (--left > 0) text += separator_ + before_id_;
  }
  return text;
}

}  // namespace dear
