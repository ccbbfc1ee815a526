#include "rank/prefix_policy.h"

#include <algorithm>
#include <iterator>

#include "kernels/kv_layout.h"
#include "rank/shared_prefixes.h"

namespace dear {

std::vector<size_t> PrefixPolicy::Choose(std::span<const std::span<const TokenId>> prompts,
                                         Reuse reuse) {
  std::vector<size_t> keep;
  if (reuse == Reuse::kWhole) {
    for (const std::span<const TokenId> prompt : prompts) keep.push_back(prompt.size());
    return keep;
  }
  std::vector<Seen::const_iterator> own;
  for (const std::span<const TokenId> prompt : prompts) {
    own.push_back(seen_.emplace(prompt.begin(), prompt.end()));
    remembered_ += prompt.size();
  }
  for (const Seen::const_iterator& prompt : own) {
    size_t common = 0;
    if (prompt != seen_.begin()) common = CommonLength(*prompt, *std::prev(prompt));
    if (const auto next = std::next(prompt); next != seen_.end())
      common = std::max(common, CommonLength(*prompt, *next));
    // Whole blocks of keys and values: a few tokens that two prompts happen to have in common
    // behind an instruction would take one more.
    keep.push_back(common / KvLayout::kPositions * KvLayout::kPositions);
  }
  oldest_.insert(oldest_.end(), own.begin(), own.end());
  while (remembered_ > kRemembered) {
    remembered_ -= oldest_.front()->size();
    seen_.erase(oldest_.front());
    oldest_.pop_front();
  }
  return keep;
}

}  // namespace dear
