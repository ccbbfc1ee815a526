#include "base/error.h"

#include <gtest/gtest.h>

namespace dear {
namespace {

TEST(ErrorTest, WhatJoinsContextAndMessage) {
  EXPECT_STREQ(Error(ErrorCode::kIo, "a.bin", "cannot read").what(), "a.bin: cannot read");
  EXPECT_STREQ(Error(ErrorCode::kIo, "", "cannot read").what(), "cannot read");
}

TEST(ErrorTest, WithinAddsTheOuterPlace) {
  const Error outer = Error(ErrorCode::kInvalidFormat, "weight", "wrong shape").Within("m.gguf");
  EXPECT_STREQ(outer.what(), "m.gguf: weight: wrong shape");
  EXPECT_EQ(outer.code(), ErrorCode::kInvalidFormat);
}

TEST(ErrorTest, EveryCodeHasItsOwnName) {
  EXPECT_EQ(ErrorCodeName(ErrorCode::kInvalidArgument), "invalid_argument");
  EXPECT_EQ(ErrorCodeName(ErrorCode::kInternal), "internal");
}

TEST(ErrorTest, IsOneLineWhateverItNames) {
  const Error error(ErrorCode::kUnsupported, "a\nb", "tensor '\x1b[2J'\r");
  EXPECT_STREQ(error.what(), "a b: tensor ' [2J' ");
}

}  // namespace
}  // namespace dear
