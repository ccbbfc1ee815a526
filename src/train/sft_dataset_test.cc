#include "train/sft_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "base/error.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SftDatasetTest : public ::testing::Test {
 protected:
  SftDatasetTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~SftDatasetTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }

  SftSource Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    SftSource source;
    source.name = name;
    source.files = {folder_ / name};
    return source;
  }

  std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      (std::string("dear_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

std::vector<std::string> Answers(const SftDataset& data) {
  std::vector<std::string> out;
  for (size_t i = 0; i < data.size(); ++i) out.push_back(data.Example(i).turns.back().content);
  return out;
}

TEST_F(SftDatasetTest, SourcesFollowEachOtherAndBadRowsAreCounted) {
  const SftSource lines = Write("a.jsonl",
                                "{\"instruction\": \"q\", \"output\": \"a1\"}\n"
                                "{\"instruction\": \"q\", \"output\": null}\n\n"
                                "{\"instruction\": \"q\", \"output\": \"a2\"}\n"
                                "7\n");
  SftSource chats = Write("b.json",
                          "[{\"conversations\": [{\"from\": \"human\", \"value\": \"q\"},\n"
                          "{\"from\": \"gpt\", \"value\": \"b1\"}]},\n {\"conversations\": []}]");
  chats.layout = SftLayout::kSharegpt;
  const SftDataset data({lines, chats});
  EXPECT_THAT(Answers(data), ElementsAre("a1", "a2", "b1"));
  EXPECT_EQ(data.Place(1), Path("a.jsonl") + ":4");
  EXPECT_EQ(data.report().rows, 6);
  EXPECT_EQ(data.report().dropped, 3);
  EXPECT_THAT(data.report().first_dropped,
              ElementsAre(HasSubstr("a.jsonl:2: column 'output'"), HasSubstr("a.jsonl:5: row"),
                          HasSubstr("b.json:3: column 'conversations'")));
  EXPECT_THAT(Answers(SftDataset({lines, chats}, {.max_samples = 1})), ElementsAre("a1", "b1"));
}

TEST_F(SftDatasetTest, NumSamplesDrawsEachRowOnceBeforeAnyTwice) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "{\"output\": \"" + std::to_string(i) + "\"}\n";
  SftSource source = Write("a.jsonl", text);
  source.num_samples = 20;
  const auto drawn = Answers(SftDataset({source}));
  EXPECT_EQ(drawn.size(), 20u);
  EXPECT_EQ(std::set<std::string>(drawn.begin(), drawn.end()).size(), 20u);
  EXPECT_EQ(Answers(SftDataset({source})), drawn);
  EXPECT_NE(Answers(SftDataset({source}, {.seed = 43})), drawn);
  source.num_samples = 70;
  const auto more = Answers(SftDataset({source}));
  EXPECT_EQ(more.size(), 70u);
  EXPECT_EQ(std::set<std::string>(more.begin(), more.begin() + 50).size(), 50u);
}

TEST_F(SftDatasetTest, BrokenFilesStopItWithFileAndLine) {
  const auto expect_error = [](SftSource source, ErrorCode code, const std::string& words) {
    try {
      SftDataset({std::move(source)});
      ADD_FAILURE() << words;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code);
      EXPECT_THAT(error.what(), HasSubstr(words));
    }
  };
  const std::string good = "{\"instruction\": \"q\", \"output\": \"a\"}\n";
  expect_error(Write("a.jsonl", good + "{\"output\": \"a\"\n"), ErrorCode::kInvalidFormat,
               Path("a.jsonl") + ":2: ");
  EXPECT_THROW(SftDataset({Write("f.jsonl", good)}, {.max_samples = 0}), Error);
  expect_error(Write("b.jsonl", ""), ErrorCode::kInvalidFormat, "0 rows");
  expect_error(Write("c.jsonl", "\n{}\n"), ErrorCode::kInvalidFormat, "c.jsonl:2: column 'output'");
  SftSource misnamed = Write("d.jsonl", good);
  misnamed.columns.named = true;
  misnamed.columns.query = std::nullopt;
  misnamed.columns.system = "sytem";
  expect_error(misnamed, ErrorCode::kInvalidFormat, "'sytem'");
  SftSource tools =
      Write("e.jsonl", "\n{\"conversations\": [{\"from\": \"observation\", \"value\": \"\"}]}");
  tools.layout = SftLayout::kSharegpt;
  expect_error(tools, ErrorCode::kUnsupported, Path("e.jsonl") + ":2: role 'observation'");
}

// Rows are parsed as they are asked for, so a file that changes meanwhile is noticed.
TEST_F(SftDatasetTest, ExamplesCanBeReadInAnyOrder) {
  const SftDataset data({Write("a.json", "[{\"output\": \"x\"}, {\"output\": \"y\"}]")});
  EXPECT_EQ(data.Example(1).turns.back().content, "y");
  EXPECT_EQ(data.Example(0).turns.back().content, "x");
  EXPECT_EQ(data.Example(1).turns.back().content, "y");
}

}  // namespace
}  // namespace dear
