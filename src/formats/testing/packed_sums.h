#ifndef DEAR_FORMATS_TESTING_PACKED_SUMS_H_
#define DEAR_FORMATS_TESTING_PACKED_SUMS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/xxh64.h"

namespace dear::testing {

// Where docs/formats.md puts fields of a file of packed weights.
inline constexpr size_t kPackedTableBytesAt = 88;
inline constexpr size_t kPackedSumAt = 120;
inline constexpr size_t kPackedTableAt = 128;

// Puts the checksum of header and table right, as who forges a file would.
inline void ForgePackedSum(std::span<std::byte> bytes) {
  if (bytes.size() < kPackedTableAt) return;
  uint64_t table = 0;
  std::memcpy(&table, bytes.data() + kPackedTableBytesAt, sizeof(table));
  table = std::min<uint64_t>(table, bytes.size() - kPackedTableAt);
  const std::array<uint64_t, 2> sums = {Xxh64(bytes.first(kPackedSumAt)),
                                        Xxh64(bytes.subspan(kPackedTableAt, table))};
  const uint64_t sum = Xxh64(std::as_bytes(std::span(sums)));
  std::memcpy(bytes.data() + kPackedSumAt, &sum, sizeof(sum));
}

}  // namespace dear::testing

#endif  // DEAR_FORMATS_TESTING_PACKED_SUMS_H_
