#include "base/byte_size.h"

#include <gtest/gtest.h>

namespace dear {
namespace {

TEST(ParseByteSizeTest, UnitsOfTenAndOfTwo) {
  EXPECT_EQ(ParseByteSize("0"), 0);
  EXPECT_EQ(ParseByteSize("4096"), 4096);
  EXPECT_EQ(ParseByteSize("800 MB"), 800'000'000);
  EXPECT_EQ(ParseByteSize("20GiB"), int64_t{20} << 30);
  EXPECT_EQ(ParseByteSize("1.5kB"), 1500);
  EXPECT_EQ(ParseByteSize("1KiB"), 1024);
}

TEST(ParseByteSizeTest, NothingElse) {
  for (const char* text : {"", "much", "12GiBs", "-3GB", "nan", "inf", "1e300", "4 Gi B", "GiB"}) {
    EXPECT_EQ(ParseByteSize(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace dear
