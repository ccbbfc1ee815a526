#include "train/sft_json_rows.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace dear {
namespace {

std::vector<std::string> Rows(const std::string& text) {
  const SftJsonRows rows = SftJsonRows::FromText(text, "f");
  std::vector<std::string> out;
  for (size_t i = 0; i < rows.size(); ++i)
    out.push_back(rows.Place(i) + " " + rows.Parse(i).dump());
  return out;
}

TEST(SftJsonRows, ALineOrAnElementIsARow) {
  using Strings = std::vector<std::string>;
  EXPECT_EQ(Rows("{\"a\": 1}\n\n  {\"a\": 2} \r\n3"),
            (Strings{"f:1 {\"a\":1}", "f:3 {\"a\":2}", "f:4 3"}));
  EXPECT_EQ(Rows("\xEF\xBB\xBF {\"a\": \"\\n\"}\n"), Strings{"f:1 {\"a\":\"\\n\"}"});
  EXPECT_EQ(Rows("\n[ {\"a\": \"],\\\"}\"},\n [1, {}] , 2\n]\n"),
            (Strings{"f:2 {\"a\":\"],\\\"}\"}", "f:3 [1,{}]", "f:3 2"}));
  EXPECT_EQ(Rows("[]"), Strings{});
  EXPECT_EQ(Rows(" [ ] "), Strings{});
  EXPECT_EQ(Rows(""), Strings{});
  EXPECT_EQ(Rows(" \n \n"), Strings{});
}

TEST(SftJsonRows, BrokenJsonIsAnErrorThatNamesTheLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"{\"a\": 1}\n{\"a\": }\n", "f:2"},
      {"[1,\n2", "f:2"},
      {"[", "f:1"},
      {"[1,\n]", "f:2"},
      {"[1,,2]", "f:1"},
      {"[1]\nx", "f:2"},
      {"[1 2]", "f:1"},
      {"[{\"a\"]", "f:1"},
      {"[}", "f:1"},
      {"{\"a\": \"\xff\"}", "f:1"},
      {"[\"open", "f:1"},
      {"[\"open\\", "f:1"},
      {"{\"a\": 1} {\"a\": 2}", "f:1"},
      {"[1}", "f:1"},
  };
  for (const auto& [text, place] : cases) {
    try {
      Rows(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidFormat) << text;
      EXPECT_EQ(error.context(), place) << text << ": " << error.what();
    }
  }
}

}  // namespace
}  // namespace dear
