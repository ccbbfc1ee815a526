#ifndef DEAR_KERNELS_CPU_KEYS_SEEN_H_
#define DEAR_KERNELS_CPU_KEYS_SEEN_H_

#include <algorithm>
#include <cstdint>

#include "base/ceil_div.h"
#include "kernels/backend.h"
#include "kernels/cpu/kernel_table.h"

namespace dear::cpu {

// The first position that a token sees, and the block that holds it.
inline int64_t FirstSeen(const AttentionShape& shape, int64_t position) {
  return shape.window > 0 ? std::max<int64_t>(0, position - shape.window + 1) : 0;
}
inline int64_t FirstBlockSeen(const AttentionShape& shape, int64_t position) {
  return FirstSeen(shape, position) / kKeysPerBlock;
}

// The whole blocks of keys that hold all that a few tokens see.
struct KeySpan {
  int64_t base;  // position of the first key
  int64_t span;  // keys
};
inline KeySpan KeysSeen(const AttentionShape& shape, int64_t position, int64_t tokens) {
  const int64_t base = FirstBlockSeen(shape, position) * kKeysPerBlock;
  return {base, CeilDiv(position + tokens, kKeysPerBlock) * kKeysPerBlock - base};
}

}  // namespace dear::cpu

#endif  // DEAR_KERNELS_CPU_KEYS_SEEN_H_
