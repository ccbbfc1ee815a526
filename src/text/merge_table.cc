#include "text/merge_table.h"

#include <algorithm>
#include <bit>

namespace dear {

void MergeTable::Reserve(size_t num_merges) {
  Grow(std::bit_ceil(num_merges * 2 + 16));
}

void MergeTable::Grow(size_t num_slots) {
  if (num_slots <= slots_.size()) return;
  std::vector<Slot> old(num_slots);
  old.swap(slots_);
  mask_ = num_slots - 1;
  for (const Slot& entry : old) {
    if (entry.key == kEmpty) continue;
    size_t slot = MixBits(entry.key) & mask_;
    while (slots_[slot].key != kEmpty) slot = (slot + 1) & mask_;
    slots_[slot] = entry;
  }
}

void MergeTable::Add(TokenId left, TokenId right, Merge merge) {
  if ((size_ + 1) * 2 > slots_.size()) Grow(std::bit_ceil(size_ * 4 + 16));
  const uint64_t key = Key(left, right);
  size_t slot = MixBits(key) & mask_;
  while (slots_[slot].key != kEmpty && slots_[slot].key != key) slot = (slot + 1) & mask_;
  if (slots_[slot].key == kEmpty) ++size_;
  slots_[slot] = {key, merge};
  end_rank_ = std::max(end_rank_, merge.rank + 1);
}

}  // namespace dear
