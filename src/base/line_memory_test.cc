#include "base/line_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

namespace dear {
namespace {

TEST(LineMemoryTest, BeginsWithALineOrWithAHugePage) {
  for (const size_t bytes : {size_t{1}, size_t{64}, kHugePageBytes - 1, kHugePageBytes,
                             kHugePageBytes + 1, 3 * kHugePageBytes}) {
    const auto free = [bytes](void* memory) { FreeLines(memory, bytes); };
    const std::unique_ptr<void, decltype(free)> memory(AllocateLines(bytes), free);
    const size_t alignment = bytes < kHugePageBytes ? 64 : kHugePageBytes;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.get()) % alignment, 0U) << bytes;
    std::memset(memory.get(), 1, bytes);
  }
}

TEST(LineMemoryTest, MoreThanThereIsOfAddressesIsRefused) {
  // volatile: the compiler warns of sizes that it knows to be too large.
  volatile size_t most = std::numeric_limits<size_t>::max();
  EXPECT_THROW(AllocateLines(most), std::bad_alloc);
}

}  // namespace
}  // namespace dear
