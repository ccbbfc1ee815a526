#include "base/xxh64.h"

#include <gtest/gtest.h>

#include <vector>

namespace dear {
namespace {

std::vector<std::byte> Counted(size_t size) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 3);
  return bytes;
}

// Files hold such sums, so that they have to stay what they were (libxxhash 0.8.1).
TEST(Xxh64Test, GivesTheSumsThatFilesHold) {
  const std::pair<size_t, uint64_t> expected[] = {
      {0, 0xef46db3751d8e999},  {1, 0x1f25c8d0bc1f4bb6},   {3, 0x31d2363f52e564c9},
      {4, 0x9bb64b7d66ee9fda},  {7, 0x9a7b149959ce60d8},   {8, 0xdab99d95c6f90092},
      {31, 0xa2aa5f33cc4a6119}, {32, 0x23c3c17ef790fd97},  {33, 0x50a7cfc7ba588784},
      {63, 0x5e3e54b431c7493c}, {1000, 0x5f235fa033f1a3fb}};
  for (const auto& [size, hash] : expected) EXPECT_EQ(Xxh64(Counted(size)), hash) << size;
}

TEST(Xxh64Test, EveryByteCounts) {
  std::vector<std::byte> bytes = Counted(101);
  const uint64_t hash = Xxh64(bytes);
  for (std::byte& byte : bytes) {
    byte ^= std::byte{1};
    EXPECT_NE(Xxh64(bytes), hash);
    byte ^= std::byte{1};
  }
  EXPECT_EQ(Xxh64(bytes), hash);
}

}  // namespace
}  // namespace dear
