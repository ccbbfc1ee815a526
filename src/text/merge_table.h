#ifndef DEAR_TEXT_MERGE_TABLE_H_
#define DEAR_TEXT_MERGE_TABLE_H_

#include <cstdint>
#include <vector>

#include "text/hash.h"
#include "text/vocab.h"

namespace dear {

// Two adjacent tokens that become one; a lower rank merges first, of equal ones the leftmost.
struct Merge {
  uint32_t rank;
  TokenId product;
};

// (left, right) -> Merge: a flat table with open addressing.
class MergeTable {
 public:
  void Reserve(size_t num_merges);
  // A pair given twice keeps the last merge.
  void Add(TokenId left, TokenId right, Merge merge);

  const Merge* Find(TokenId left, TokenId right) const {
    if (slots_.empty()) return nullptr;
    const uint64_t key = Key(left, right);
    size_t slot = MixBits(key) & mask_;
    while (true) {
      const Slot& entry = slots_[slot];
      if (entry.key == key) return &entry.merge;
      if (entry.key == kEmpty) return nullptr;
      slot = (slot + 1) & mask_;
    }
  }

  size_t size() const { return size_; }
  uint32_t end_rank() const { return end_rank_; }  // largest rank + 1

 private:
  static constexpr uint64_t kEmpty = ~uint64_t{0};  // ids are never negative
  struct Slot {
    uint64_t key = kEmpty;
    Merge merge{};
  };
  static uint64_t Key(TokenId left, TokenId right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  void Grow(size_t num_slots);

  std::vector<Slot> slots_;
  size_t mask_ = 0;
  size_t size_ = 0;
  uint32_t end_rank_ = 0;
};

}  // namespace dear

#endif  // DEAR_TEXT_MERGE_TABLE_H_
