#ifndef DEAR_FORMATS_TESTING_EXPECT_ERROR_H_
#define DEAR_FORMATS_TESTING_EXPECT_ERROR_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace dear::testing {

// `action` must throw an Error of this code whose one-line text holds `text`.
template <typename Action>
void ExpectError(ErrorCode code, const std::string& text, Action action) {
  try {
    action();
    ADD_FAILURE() << "no error; expected one about: " << text;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    EXPECT_THAT(e.what(), ::testing::HasSubstr(text));
    EXPECT_THAT(e.what(), ::testing::Not(::testing::HasSubstr("\n")));
  }
}

}  // namespace dear::testing

#endif  // DEAR_FORMATS_TESTING_EXPECT_ERROR_H_
