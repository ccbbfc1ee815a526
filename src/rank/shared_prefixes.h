#ifndef DEAR_RANK_SHARED_PREFIXES_H_
#define DEAR_RANK_SHARED_PREFIXES_H_

#include <cstddef>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace dear {

// A beginning that several prompts have in common, and that is computed once for all of them.
struct SharedPrefix {
  static constexpr size_t kNone = static_cast<size_t>(-1);

  size_t length = 0;      // in tokens, those of `parent` included
  size_t parent = kNone;  // the shorter one that it goes on from, which stands before it
  size_t prompt = 0;      // one of the prompts that begin with it
};

struct SharedPrefixes {
  std::vector<SharedPrefix> prefixes;
  std::vector<size_t> of_prompt;  // the longest of each prompt, by index, or SharedPrefix::kNone
};

// Tokens that both begin with.
size_t CommonLength(std::span<const TokenId> a, std::span<const TokenId> b);

// The shared beginnings of `prompts` that are worth a pass of the model of their own: an
// instruction that all have in common, behind it a query that some have. A pass costs about what a
// few dozen tokens cost, so that a prefix has to save that much.
SharedPrefixes FindSharedPrefixes(std::span<const std::span<const TokenId>> prompts);

// Tokens that a shared prefix adds to its parent's, and those that it saves over all its prompts.
inline constexpr size_t kMinSharedTokens = 8;
inline constexpr size_t kMinSavedTokens = 64;

}  // namespace dear

#endif  // DEAR_RANK_SHARED_PREFIXES_H_
