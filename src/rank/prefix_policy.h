#ifndef DEAR_RANK_PREFIX_POLICY_H_
#define DEAR_RANK_PREFIX_POLICY_H_

#include <cstddef>
#include <deque>
#include <set>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace dear {

// What will likely be asked again.
enum class Reuse {
  kBeginnings,  // what two prompts began with: an instruction, a query
  kWhole,       // every prompt: a passage that meets other queries
};

// Says how much of each prompt is worth its memory in the prefix cache, from the prompts that went
// by: most are seen once, and their keys and values would only push out those of others.
class PrefixPolicy {
 public:
  // Tokens of each prompt's beginning to keep; 0: nothing. `prompts` are those of one call, each as
  // far as others may go on from it; they are remembered.
  std::vector<size_t> Choose(std::span<const std::span<const TokenId>> prompts, Reuse reuse);

  // Tokens of prompts that are remembered, the newest.
  static constexpr size_t kRemembered = size_t{1} << 18;

 private:
  // In sorted order the neighbours of a prompt are those that it has most in common with.
  using Seen = std::multiset<std::vector<TokenId>>;

  Seen seen_;
  std::deque<Seen::const_iterator> oldest_;
  size_t remembered_ = 0;
};

}  // namespace dear

#endif  // DEAR_RANK_PREFIX_POLICY_H_
