#ifndef DEAR_MODEL_KV_CACHE_H_
#define DEAR_MODEL_KV_CACHE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/kv_layout.h"

namespace dear {

// The keys and values of one sequence, in blocks that copies of the sequence share until one of
// them writes.
class KvCache {
 public:
  explicit KvCache(const KvLayout& layout) : layout_(layout) {}

  // A cache that holds the first `length` positions of this one.
  KvCache Fork(int64_t length) const;

  int64_t length() const { return length_; }
  // Forgets the positions from `length` on.
  void Truncate(int64_t length);
  // Makes blocks for positions up to `length`, those from length() on its own. The length stays.
  void Reserve(int64_t length);
  // Positions written count from now on.
  void Commit(int64_t length) { length_ = length; }

  float* const* blocks() const { return pointers_.data(); }
  // Memory of the blocks that it does not share.
  uint64_t bytes() const;

 private:
  using Block = std::shared_ptr<float[]>;

  void SetBlocks(size_t count);

  KvLayout layout_;
  int64_t length_ = 0;
  std::vector<Block> blocks_;
  std::vector<float*> pointers_;
};

}  // namespace dear

#endif  // DEAR_MODEL_KV_CACHE_H_
