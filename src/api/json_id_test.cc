#include "api/json_id.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "base/error.h"
#include "base/testing/sanitized.h"

namespace dear {
namespace {

constexpr std::array<const char*, 3> kKeys = {"_id", "id", "docid"};

std::string Peek(std::string_view object) {
  return std::string(PeekJsonId(object, kKeys).value_or("?"));
}

TEST(PeekJsonId, FindsTheIdAtTheTop) {
  EXPECT_EQ(Peek(R"({"_id": "a", whatever follows is not looked at)"), "a");
  EXPECT_EQ(Peek(R"( { "text" : "x \" \\", "n": [1, {"_id": "no"}, "]"], "id" : 12 } )"), "12");
  EXPECT_EQ(Peek(R"({"docid": "d", "id": "i"})"), "i");
  EXPECT_EQ(Peek(R"({"id": "i", "docid": "d"})"), "i");
  EXPECT_EQ(Peek(R"({"docid": "d", "text": null, "x": -1.5e3, "y": true})"), "d");
  EXPECT_EQ(Peek(R"({"text": "\\", "id": "ü"})"), "ü");
}

TEST(PeekJsonId, LeavesTheRestToAWholeParse) {
  for (const char* text : {"",
                           "{",
                           "{}",
                           "[]",
                           "tsv\tline",
                           R"({"text": "x"})",
                           R"({"id": "a\u0062"})",
                           R"({"id": ""})",
                           R"({"\u0069d": "a"})",
                           R"({"id": null})",
                           R"({"id": 1.5})",
                           R"({"id": -1})",
                           R"({"id": 007})",
                           R"({"id": 99999999999999999999})",
                           R"({"id": "a" "docid": "b"})",
                           R"({"id": "a")",
                           R"({"id": "a)",
                           R"({"docid": "a", "text": "b)",
                           R"({"docid": "a", "t": [{"x": "]"})",
                           R"({id: "a"})"}) {
    EXPECT_EQ(Peek(text), "?") << text;
  }
}

// Over mutations of valid lines: where the whole parse succeeds, a peek gives the same or nothing.
TEST(PeekJsonId, AgreesWithAWholeParse) {
  const std::string seed =
      R"({"docid": "d1", "title": "a \"b\" \\", "n": {"id": [1, "}", 2]}, "id": 42, "t": "c\\"})";
  std::mt19937 random(5);
  const std::string_view pieces = "\"\\{}[]:,1ad ";
  size_t compared = 0;
  const int tries = testing::kSanitized ? 30000 : 200000;
  for (int i = 0; i < tries; ++i) {
    std::string text = seed;
    for (unsigned k = random() % 3 + 1; k > 0; --k)
      text[random() % text.size()] = pieces[random() % pieces.size()];
    const auto peeked = PeekJsonId(text, kKeys);
    if (!peeked) continue;
    const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded()) continue;
    std::string whole;
    try {
      for (const char* key : kKeys) {
        whole = JsonId(json, key, "");
        if (!whole.empty()) break;
      }
    } catch (const Error&) {
      continue;
    }
    ++compared;
    EXPECT_EQ(*peeked, whole) << text;
  }
  EXPECT_GT(compared, 1000U);
}

TEST(JsonId, StringsAndWholeNumbers) {
  const Json json = Json::parse(R"({"a": "x", "b": 7, "c": null, "d": 1.5})");
  EXPECT_EQ(JsonId(json, "a", "c"), "x");
  EXPECT_EQ(JsonId(json, "b", "c"), "7");
  EXPECT_EQ(JsonId(json, "c", "c"), "");
  EXPECT_EQ(JsonId(json, "absent", "c"), "");
  EXPECT_THROW(JsonId(json, "d", "c"), Error);
}

}  // namespace
}  // namespace dear
