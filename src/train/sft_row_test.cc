#include "train/sft_row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace dear {
namespace {

using ::testing::HasSubstr;

TEST(SftRowGolden, ConvertsAndDropsAsLlamaFactory) {
  const Json goldens =
      ReadJsonFile(std::string(DEAR_SOURCE_DIR) + "/tests/golden/train/sft_rows.json");
  int converted = 0;
  int dropped = 0;
  for (const Json& golden : goldens.at("cases")) {
    const SftSource source = ParseSftSource(golden.at("entry"), "d", "golden");
    for (size_t i = 0; i < golden.at("rows").size(); ++i) {
      const Json& json = golden.at("rows")[i];
      const Json& expected = golden.at("expected")[i];
      SCOPED_TRACE(golden.at("entry").dump() + json.dump());
      const SftRow row = ReadSftRow(json, source);
      ASSERT_EQ(row.example.has_value(), !expected.is_null()) << row.dropped;
      if (!row.example) {
        EXPECT_FALSE(row.dropped.empty());
        ++dropped;
        continue;
      }
      EXPECT_EQ(row.example->system, expected.at("system").get<std::string>());
      ASSERT_EQ(row.example->turns.size(), expected.at("turns").size());
      for (size_t turn = 0; turn < row.example->turns.size(); ++turn) {
        EXPECT_EQ(row.example->turns[turn].role, turn % 2 == 0 ? "user" : "assistant");
        EXPECT_EQ(row.example->turns[turn].content, expected.at("turns")[turn].get<std::string>());
      }
      ++converted;
    }
  }
  EXPECT_GT(converted, 40);
  EXPECT_GT(dropped, 40);
}

TEST(SftRow, TheCallsOfToolsAreRefused) {
  SftSource source;
  source.layout = SftLayout::kSharegpt;
  for (const char* message :
       {R"({"from": "function_call", "value": "f"})", R"({"from": "observation", "value": "1"})",
        R"({"from": "gpt", "value": "x", "tool_calls": [{}]})"}) {
    const Json row = {{"conversations", Json::array({Json::parse(message)})}};
    try {
      ReadSftRow(row, source);
      ADD_FAILURE() << message;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
      EXPECT_THAT(error.what(), HasSubstr("tools"));
    }
  }
}

TEST(SftRow, SaysWhatIsWrong) {
  SftSource alpaca;
  EXPECT_THAT(ReadSftRow(Json(3), alpaca).dropped, HasSubstr("an object"));
  EXPECT_THAT(ReadSftRow({{"output", 3}}, alpaca).dropped, HasSubstr("'output'"));
  SftSource chat;
  chat.layout = SftLayout::kSharegpt;
  EXPECT_THAT(ReadSftRow({{"conversations", "x"}}, chat).dropped, HasSubstr("'conversations'"));
  const Json no_value = {{"conversations", {{{"from", "human"}}}}};
  EXPECT_THAT(ReadSftRow(no_value, chat).dropped, HasSubstr("'value'"));
  const Json twice = {{"conversations", {{{"from", "gpt"}, {"value", "x"}}}}};
  EXPECT_THAT(ReadSftRow(twice, chat).dropped, HasSubstr("expected the role 'human'"));
}

}  // namespace
}  // namespace dear
