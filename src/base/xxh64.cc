#include "base/xxh64.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace dear {

uint64_t Xxh64(std::span<const std::byte> bytes) {
  return XXH64(bytes.data(), bytes.size(), 0);
}

}  // namespace dear
