#include "base/line_memory.h"

#include <sys/mman.h>

#include <new>

namespace dear {
namespace {

constexpr std::align_val_t kLine{64};
constexpr std::align_val_t kHugePage{kHugePageBytes};

}  // namespace

void* AllocateLines(size_t bytes) {
  if (bytes < kHugePageBytes) return ::operator new(bytes, kLine);
  if (bytes > static_cast<size_t>(-1) - kHugePageBytes) throw std::bad_alloc();
  const size_t whole = (bytes + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
  void* memory = ::operator new(whole, kHugePage);
#ifdef MADV_HUGEPAGE
  // A kernel without them says no, and small pages serve.
  ::madvise(memory, whole, MADV_HUGEPAGE);
#endif
  return memory;
}

void FreeLines(void* memory, size_t bytes) noexcept {
  if (bytes < kHugePageBytes) {
    ::operator delete(memory, kLine);
  } else {
    ::operator delete(memory, kHugePage);
  }
}

}  // namespace dear
