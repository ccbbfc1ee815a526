#ifndef DEAR_MODEL_KV_CACHE_H_
#define DEAR_MODEL_KV_CACHE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/kv_layout.h"

namespace dear {

using KvBlock = std::shared_ptr<float[]>;

// The keys and values of one sequence, in blocks that copies of the sequence share until one of
// them writes.
class KvCache {
 public:
  explicit KvCache(const KvLayout& layout) : layout_(layout) {}
  // Of `length` positions that are there already: `blocks` are all that hold them.
  KvCache(const KvLayout& layout, std::vector<KvBlock> blocks, int64_t length);

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
  std::span<const KvBlock> shared_blocks() const { return blocks_; }
  uint64_t block_bytes() const {
    return static_cast<uint64_t>(layout_.block_floats()) * sizeof(float);
  }
  // Memory of the blocks that it does not share.
  uint64_t bytes() const;

 private:
  void SetBlocks(size_t count);

  KvLayout layout_;
  int64_t length_ = 0;
  std::vector<KvBlock> blocks_;
  std::vector<float*> pointers_;
};

}  // namespace dear

#endif  // DEAR_MODEL_KV_CACHE_H_
