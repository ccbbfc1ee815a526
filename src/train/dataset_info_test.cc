#include "train/dataset_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"

namespace dear {
namespace {

using ::testing::HasSubstr;

class DatasetInfoTest : public ::testing::Test {
 protected:
  DatasetInfoTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ / "parts");
  }
  ~DatasetInfoTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }

  std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      (std::string("dear_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(DatasetInfoTest, SeveralSetsOneAfterTheOther) {
  Write("a.json", "[]");
  Write("b.jsonl", "");
  Write("parts/2.jsonl", "");
  Write("parts/1.jsonl", "");
  Write("dataset_info.json", R"({
    "a": {"file_name": "a.json", "num_samples": 7,
          "columns": {"prompt": "question", "response": "answer", "system": null}},
    "p": {"file_name": "parts", "formatting": "sharegpt", "columns": {"messages": "chat"},
          "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user",
                   "assistant_tag": "assistant"}},
    "other": {"hf_hub_url": "somebody/something"}})");
  const auto sources = FindSftSources("a , p,b.jsonl", folder_);
  ASSERT_EQ(sources.size(), 3u);

  EXPECT_EQ(sources[0].name, "a");
  EXPECT_EQ(sources[0].files, (std::vector<std::filesystem::path>{folder_ / "a.json"}));
  EXPECT_EQ(sources[0].num_samples, 7);
  EXPECT_EQ(sources[0].columns.prompt, "question");
  EXPECT_EQ(sources[0].columns.query, std::nullopt);
  EXPECT_EQ(sources[0].columns.response, "answer");
  EXPECT_EQ(sources[0].columns.system, std::nullopt);

  EXPECT_EQ(sources[1].layout, SftLayout::kSharegpt);
  EXPECT_EQ(sources[1].files, (std::vector<std::filesystem::path>{folder_ / "parts/1.jsonl",
                                                                  folder_ / "parts/2.jsonl"}));
  EXPECT_EQ(sources[1].tags.user, "user");
  EXPECT_EQ(sources[1].tags.system, std::nullopt);
  EXPECT_EQ(sources[1].tags.function, std::nullopt);

  EXPECT_EQ(sources[2].layout, SftLayout::kAlpaca);
  EXPECT_EQ(sources[2].columns.query, "input");
  EXPECT_EQ(sources[2].columns.system, "system");
  EXPECT_FALSE(sources[2].columns.named);
}

struct BadEntry {
  const char* entry;
  ErrorCode code;
  const char* words;
};

TEST(DatasetInfo, EntriesThatCannotBeServedAreRefusedByName) {
  const BadEntry cases[] = {
      {R"({"hf_hub_url": "x"})", ErrorCode::kUnsupported, "hf_hub_url"},
      {R"({"file_name": "a.json", "ms_hub_url": "x"})", ErrorCode::kUnsupported, "ms_hub_url"},
      {R"({"script_url": "x"})", ErrorCode::kUnsupported, "script_url"},
      {R"({"file_name": "a.json", "ranking": true})", ErrorCode::kUnsupported, "ranking"},
      {R"({"file_name": "a.json", "subset": "en"})", ErrorCode::kUnsupported, "subset"},
      {R"({"file_name": "a.json", "columns": {"response": "o", "images": "i"}})",
       ErrorCode::kUnsupported, "images"},
      {R"({"file_name": "a.json", "columns": {"response": "o", "tools": "t"}})",
       ErrorCode::kUnsupported, "tools"},
      {R"({"file_name": "a.json", "colums": {}})", ErrorCode::kInvalidFormat, "colums"},
      {R"({"file_name": "a.json", "columns": {"prompt": "p"}})", ErrorCode::kInvalidFormat,
       "response"},
      {R"({"file_name": "a.json", "columns": []})", ErrorCode::kInvalidFormat, "columns"},
      {R"({"file_name": "a.json", "formatting": "sharegpt", "columns": {"system": "s"}})",
       ErrorCode::kInvalidFormat, "messages"},
      {R"({"file_name": "a.json", "formatting": "sharegpt", "tags": {"role_tag": "r"}})",
       ErrorCode::kInvalidFormat, "content_tag"},
      {R"({"file_name": "a.json", "formatting": "csv"})", ErrorCode::kInvalidFormat, "formatting"},
      {R"({"file_name": "a.json", "formatting": "openai"})", ErrorCode::kUnsupported, "sharegpt"},
      {R"({"file_name": "a.json", "split": "test"})", ErrorCode::kInvalidFormat, "split"},
      {R"({"file_name": "a.json", "num_samples": 0})", ErrorCode::kInvalidFormat, "num_samples"},
      {R"({"file_name": 3})", ErrorCode::kInvalidFormat, "file_name"},
      {R"({})", ErrorCode::kInvalidFormat, "file_name"},
      {R"([])", ErrorCode::kInvalidFormat, "object"},
  };
  for (const BadEntry& bad : cases) {
    try {
      ParseSftSource(Json::parse(bad.entry), "d", "dataset_info.json: dataset 'd'");
      ADD_FAILURE() << bad.entry;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), bad.code) << bad.entry;
      EXPECT_THAT(error.what(), HasSubstr(bad.words));
      EXPECT_THAT(error.what(), HasSubstr("dataset 'd'"));
    }
  }
  // What is switched off, and a key of older files.
  ParseSftSource(Json::parse(R"({"file_name": "a.json", "file_sha1": "00", "ranking": false,
                                 "subset": null})"),
                 "d", "x");
}

TEST_F(DatasetInfoTest, WhatIsNotThereIsNamed) {
  const auto expect_error = [&](const char* names, ErrorCode code, const char* words) {
    try {
      FindSftSources(names, folder_);
      ADD_FAILURE() << names;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << names;
      EXPECT_THAT(error.what(), HasSubstr(words));
    }
  };
  expect_error("a", ErrorCode::kNotFound, "dataset_info.json");
  Write("dataset_info.json", R"({"a": {"file_name": "a.json"}, "c": {"file_name": "c.csv"}})");
  Write("c.csv", "");
  expect_error("b", ErrorCode::kNotFound, "it names a, c");
  expect_error("a", ErrorCode::kNotFound, "a.json");
  expect_error("c", ErrorCode::kUnsupported, "c.csv");
  expect_error("none.jsonl", ErrorCode::kNotFound, "none.jsonl");
  expect_error(" , ", ErrorCode::kInvalidArgument, "dataset");
  Write("dataset_info.json", "[1]");
  expect_error("a", ErrorCode::kInvalidFormat, "dataset_info.json");
}

}  // namespace
}  // namespace dear
