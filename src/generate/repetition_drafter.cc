#include "generate/repetition_drafter.h"

#include <algorithm>

namespace dear {
namespace {

// FNV-1a over whole tokens.
uint64_t HashOf(std::span<const TokenId> tokens) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const TokenId token : tokens) {
    hash = (hash ^ static_cast<uint64_t>(static_cast<uint32_t>(token))) * 0x100000001b3ULL;
  }
  return hash;
}

}  // namespace

RepetitionDrafter::RepetitionDrafter(std::span<const TokenId> prompt)
    : prompt_size_(prompt.size()) {
  tokens_.reserve(2 * prompt.size());
  for (const TokenId token : prompt) Append(token);
}

void RepetitionDrafter::Append(TokenId token) {
  const size_t place = tokens_.size();
  for (size_t length = kShortest; length <= std::min(kLongest, place); ++length) {
    places_[length][HashOf(Before(place, length))] = place;
  }
  tokens_.push_back(token);
}

std::vector<TokenId> RepetitionDrafter::Draft(std::span<const TokenId> written, size_t limit) {
  for (size_t i = tokens_.size() - prompt_size_; i < written.size(); ++i) Append(written[i]);
  for (size_t length = std::min(kLongest, tokens_.size()); length >= kShortest; --length) {
    const auto newest = Before(tokens_.size(), length);
    const auto found = places_[length].find(HashOf(newest));
    if (found == places_[length].end()) continue;
    const size_t place = found->second;
    if (!std::ranges::equal(Before(place, length), newest)) continue;  // another of that hash
    const size_t count = std::min(limit, tokens_.size() - place);
    const auto begin = tokens_.begin() + static_cast<std::ptrdiff_t>(place);
    return {begin, begin + static_cast<std::ptrdiff_t>(count)};
  }
  return {};
}

}  // namespace dear
