#include "model/kv_cache.h"

#include <algorithm>
#include <utility>

#include "base/aligned_vector.h"

namespace dear {
namespace {

KvBlock NewBlock(size_t floats) {
  auto memory = std::make_shared<AlignedVector<float>>(floats);
  return {memory, memory->data()};
}

}  // namespace

KvCache::KvCache(const KvLayout& layout, std::vector<KvBlock> blocks, int64_t length)
    : layout_(layout), length_(length), blocks_(std::move(blocks)) {
  for (const KvBlock& block : blocks_) pointers_.push_back(block.get());
}

KvCache KvCache::Fork(int64_t length) const {
  KvCache copy = *this;
  copy.Truncate(length);
  return copy;
}

void KvCache::SetBlocks(size_t count) {
  blocks_.resize(count);
  pointers_.resize(count);
}

void KvCache::Truncate(int64_t length) {
  length_ = length;
  SetBlocks(static_cast<size_t>(KvLayout::BlocksFor(length)));
}

void KvCache::Reserve(int64_t length) {
  const auto floats = static_cast<size_t>(layout_.block_floats());
  const auto first_written = static_cast<size_t>(length_ / KvLayout::kPositions);
  SetBlocks(std::max(blocks_.size(), static_cast<size_t>(KvLayout::BlocksFor(length))));
  for (size_t i = first_written; i < blocks_.size(); ++i) {
    if (!blocks_[i]) {
      blocks_[i] = NewBlock(floats);  // zeros: unused places must be finite
    } else if (blocks_[i].use_count() > 1) {
      KvBlock own = NewBlock(floats);
      std::copy_n(blocks_[i].get(), floats, own.get());
      blocks_[i] = std::move(own);
    }
    pointers_[i] = blocks_[i].get();
  }
}

uint64_t KvCache::bytes() const {
  uint64_t bytes = 0;
  for (const KvBlock& block : blocks_) {
    if (block && block.use_count() == 1) bytes += block_bytes();
  }
  return bytes;
}

}  // namespace dear
