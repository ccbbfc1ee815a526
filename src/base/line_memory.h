#ifndef DEAR_BASE_LINE_MEMORY_H_
#define DEAR_BASE_LINE_MEMORY_H_

#include <cstddef>

namespace dear {

// What the kernel maps at once where it is asked to (x86-64, and AArch64 with pages of 4 KiB).
inline constexpr size_t kHugePageBytes = size_t{2} << 20;

// Memory that begins with a cache line, not initialised. From kHugePageBytes on it lies in huge
// pages where the kernel has any: rows of activations are pages apart, and the processor remembers
// the places of a few hundred pages only. Throws std::bad_alloc.
void* AllocateLines(size_t bytes);

// `bytes` as it was asked for.
void FreeLines(void* memory, size_t bytes) noexcept;

}  // namespace dear

#endif  // DEAR_BASE_LINE_MEMORY_H_
