#include "api/repaired_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace dear {
namespace {

TEST(RepairedJsonTest, WhatIsNoTextBecomesTheReplacementCharacter) {
  const auto text = [](std::string_view json) {
    return ParseRepairedJson(json, "jobs").get<std::string>();
  };
  EXPECT_EQ(text("\"a\xff\x62\""), "a\uFFFDb");
  EXPECT_EQ(text("\"a\\ud800b\""), "a\uFFFDb");
  EXPECT_EQ(text("\"a\\udc00\""), "a\uFFFD");
  EXPECT_EQ(text("\"\\ud83d\\ud83d\\ude00\""), "\uFFFD\U0001F600");
  EXPECT_EQ(text("\"\\\\ud800 \xfe\""), "\\ud800 \uFFFD");  // a backslash, and no escape
  EXPECT_EQ(text("\"\\ud83d\\ude00 \xfe\""), "\U0001F600 \uFFFD");
}

TEST(RepairedJsonTest, WhatIsNoJsonStaysAnError) {
  for (const char* json : {"{", "\"\xff", "{\"a\": \"\\ud800\", \"b\": }", "\"\\ud80", "\"\\"}) {
    EXPECT_THROW(ParseRepairedJson(json, "jobs"), Error) << json;
  }
  try {
    ParseRepairedJson("{\"score\": NaN}", "jobs: line 3");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                ::testing::HasSubstr("jobs: line 3: not valid JSON: it holds a number NaN"));
  }
}

}  // namespace
}  // namespace dear
