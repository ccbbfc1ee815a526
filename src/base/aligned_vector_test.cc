#include "base/aligned_vector.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace dear {
namespace {

template <typename T>
bool BeginsWithALine(const AlignedVector<T>& values) {
  return reinterpret_cast<uintptr_t>(values.data()) % 64 == 0;
}

TEST(AlignedVectorTest, BeginsWithACacheLineAtEverySize) {
  AlignedVector<float> growing;
  for (size_t size = 1; size < 5000; size = 2 * size + 1) {
    growing.resize(size);
    EXPECT_TRUE(BeginsWithALine(growing)) << size;
    EXPECT_TRUE(BeginsWithALine(AlignedVector<uint16_t>(size))) << size;
    EXPECT_TRUE(BeginsWithALine(AlignedVector<char>(size))) << size;
  }
}

TEST(AlignedVectorTest, KeepsItsNumbersWhenItGrowsAndWhenItIsMoved) {
  AlignedVector<float> values = {1, 2, 3};
  values.resize(1000);
  const AlignedVector<float> moved = std::move(values);
  EXPECT_TRUE(BeginsWithALine(moved));
  EXPECT_EQ(moved[0], 1);
  EXPECT_EQ(moved[2], 3);
  EXPECT_EQ(moved[3], 0);
}

}  // namespace
}  // namespace dear
