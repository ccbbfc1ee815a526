#ifndef DEAR_BASE_ALIGNED_VECTOR_H_
#define DEAR_BASE_ALIGNED_VECTOR_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#include "base/line_memory.h"

namespace dear {

// Gives memory that begins with a cache line, which is also the widest vector register: a load of
// one from a multiple of its size then touches one line and not two.
template <typename T>
struct CacheLineAllocator {
  using value_type = T;

  CacheLineAllocator() = default;
  template <typename U>
  // NOLINTNEXTLINE(google-explicit-constructor): what an allocator has to offer.
  CacheLineAllocator(const CacheLineAllocator<U>&) noexcept {}

  T* allocate(size_t count) {
    if (count > static_cast<size_t>(-1) / sizeof(T)) throw std::bad_array_new_length();
    return static_cast<T*>(AllocateLines(count * sizeof(T)));
  }
  void deallocate(T* memory, size_t count) noexcept { FreeLines(memory, count * sizeof(T)); }

  friend bool operator==(CacheLineAllocator, CacheLineAllocator) { return true; }
};

template <typename T>
using AlignedVector = std::vector<T, CacheLineAllocator<T>>;

// Room for `count` numbers in memory that is kept from one use to the next; what they are is not
// said.
template <typename T>
T* RoomFor(AlignedVector<T>& memory, int64_t count) {
  if (static_cast<int64_t>(memory.size()) < count) memory.resize(static_cast<size_t>(count));
  return memory.data();
}

}  // namespace dear

#endif  // DEAR_BASE_ALIGNED_VECTOR_H_
