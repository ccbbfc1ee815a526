#include "base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"

namespace dear {
namespace {

TEST(JsonTest, BrokenTextNamesTheFile) {
  try {
    ParseJson("{\"a\": ", "config.json");
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.context(), "config.json");
    EXPECT_EQ(e.code(), ErrorCode::kInvalidFormat);
  }
  EXPECT_THROW(ParseJson("\"\xff\"", "x"), Error);
}

TEST(JsonTest, RefusesBottomlessNesting) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + "\"[[[\\\"[[\"" + std::string(depth, ']');
  };
  EXPECT_EQ(ParseJson(nested(200), "x").size(), 1u);
  EXPECT_THROW(ParseJson(nested(201), "x"), Error);
  EXPECT_THROW(ParseJson(std::string(10000000, '['), "x"), Error);
  EXPECT_THROW(ParseJson("\"open \\", "x"), Error);
}

TEST(JsonFieldsTest, AbsentAndNullAreTheSame) {
  const Json object = Json::parse(R"({"a": null, "b": 3, "c": 4.0})");
  const JsonFields fields(object, "f");
  EXPECT_FALSE(fields.Has("a"));
  EXPECT_EQ(fields.Int("a", 7), 7);
  EXPECT_EQ(fields.Int("b", 7), 3);
  EXPECT_EQ(fields.Int("c", 7), 4);
}

TEST(JsonFieldsTest, WrongTypesAndMissingFieldsAreNamed) {
  const Json object = Json::parse(R"({"a": "x", "b": 1.5, "c": 18446744073709551615})");
  const JsonFields fields(object, "config.json");
  for (const char* key : {"a", "b", "c"}) EXPECT_THROW(fields.Int(key), Error) << key;
  try {
    fields.RequireInt("hidden_size");
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "config.json: field 'hidden_size': missing");
  }
  const Json list = Json::array();
  EXPECT_THROW(JsonFields(list, "x"), Error);
}

TEST(JsonTest, FloatsAreWrittenAsShortAsTheyCanBeReadBack) {
  EXPECT_EQ(ShortFloat(0.1F).dump(), "0.1");
  EXPECT_EQ(ShortFloat(-3.25F).dump(), "-3.25");
  EXPECT_EQ(static_cast<float>(ShortFloat(1.0F / 3).get<double>()), 1.0F / 3);
  EXPECT_TRUE(ShortFloat(std::numeric_limits<float>::infinity()).is_null());
  EXPECT_TRUE(ShortFloat(std::nanf("")).is_null());
}

}  // namespace
}  // namespace dear
