#include "api/label_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "api/testing/temporary_files.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const char* const kRows =
    R"({"query": "q0", "positive": "a", "negatives": ["b", "c"]}
{"query": "q1", "passages": ["alone"]}

{"query": {"text": "q2", "qid": 7}, "candidates": [{"doc": {"text": "x", "title": "t"}, "score": 2.5}, {"doc": "y"}]}
)";

std::vector<std::string> Queries(LabelRows& rows) {
  std::vector<std::string> queries;
  while (const auto row = rows.Next())
    queries.push_back(std::to_string(row->number) + (row->example ? row->example->query : ""));
  return queries;
}

TEST(LabelRowsTest, RowsOfEveryFormInTheirOrder) {
  const TemporaryFiles files;
  for (const auto& path : {files.Plain("rows.jsonl", kRows), files.Packed("rows.gz", kRows)}) {
    const auto rows = OpenLabelRows(path);
    const LabelOutline outline = rows->Check(0, {});
    EXPECT_EQ(outline.rows, 3U);
    EXPECT_EQ(outline.unusable, 1U);
    EXPECT_THAT(outline.first_unusable, HasSubstr(path.string() + ":2: passages"));
    EXPECT_TRUE(outline.positives_first);
    EXPECT_THAT(Queries(*rows), ElementsAre("1q0", "2", "3q2"));
  }
  const auto list = OpenLabelRows(files.Plain("list.json", R"([{"query": "q", "hits": [
      {"content": "a", "docid": "1"}, {"content": "b", "docid": "2"}]}])"));
  EXPECT_FALSE(list->Check(0, {}).positives_first);
  EXPECT_THAT(Queries(*list), ElementsAre("1q"));
}

TEST(LabelRowsTest, LimitAndSkip) {
  const TemporaryFiles files;
  const auto rows = OpenLabelRows(files.Plain("rows.jsonl", kRows));
  EXPECT_EQ(rows->Check(2, {}).rows, 2U);
  rows->Skip(1);
  EXPECT_THAT(Queries(*rows), ElementsAre("2"));
  rows->Skip(5);
  EXPECT_FALSE(rows->Next());
}

TEST(LabelRowsTest, WhatIsWrongIsSaidBeforeAnyWork) {
  const TemporaryFiles files;
  const auto error = [&](const std::string& text) {
    const auto path = files.Plain("rows.jsonl", text);
    return ErrorOf([&] { OpenLabelRows(path)->Check(0, {}); });
  };
  EXPECT_THAT(error(std::string(kRows) + "{\"query\": \n"), HasSubstr("rows.jsonl:5"));
  EXPECT_THAT(error(""), HasSubstr("holds no rows"));
  EXPECT_THAT(error("{\"query\": \"q\"}\n"), HasSubstr("none of its 1 rows"));
  EXPECT_THAT(ErrorOf([&] { OpenLabelRows(files.folder() / "absent")->Check(0, {}); }),
              HasSubstr("absent"));
  const auto rows = OpenLabelRows(files.Plain("rows.jsonl", kRows));
  EXPECT_THROW(rows->Check(0, [] { return true; }), Error);
}

TEST(LabelRowsTest, TheFingerprintIsThatOfTheText) {
  const TemporaryFiles files;
  const auto first = OpenLabelRows(files.Plain("a.jsonl", kRows))->Fingerprint();
  EXPECT_EQ(OpenLabelRows(files.Plain("b.jsonl", kRows))->Fingerprint(), first);
  EXPECT_NE(OpenLabelRows(files.Plain("c.jsonl", std::string(kRows) + "\n"))->Fingerprint(), first);
}

TEST(LabelRowsTest, ARunGivesRequestsOfRankLlm) {
  const TemporaryFiles files;
  const RunFiles run{.run = files.Plain("run",
                                        "q1 Q0 d2 1 2.5 t\nq1 Q0 d1 2 1.5 t\n"
                                        "q2 Q0 d1 1 1 t\nq2 Q0 d2 2 0.5 t\n"),
                     .topics = files.Plain("topics", "q1\twho\nq2\twhat\n"),
                     .corpus = files.Plain("corpus", "d1\tone\nd2\ttwo\n")};
  const auto rows = OpenLabelRun(run);
  EXPECT_EQ(rows->Check(0, {}).rows, 2U);
  const auto row = rows->Next();
  ASSERT_TRUE(row && row->example);
  EXPECT_THAT(rows->Place(*row), HasSubstr("query q1"));
  EXPECT_EQ(row->json["query"]["qid"], "q1");
  EXPECT_EQ(row->json["candidates"][0]["docid"], "d2");
  EXPECT_EQ(row->json["candidates"][0]["doc"]["text"], "two");
  const RankRequest request = LabelRequest(*row, std::vector<int64_t>{1, 0});
  EXPECT_EQ(request.query, "who");
  EXPECT_EQ(request.passages[0].text, "one");
  EXPECT_EQ(request.passages[1].first_stage_score, 2.5);
  EXPECT_EQ(Queries(*rows).size(), 1U);
  const auto again = OpenLabelRun(run);
  again->Check(0, {});
  again->Skip(1);
  EXPECT_THAT(Queries(*again), ElementsAre("2what"));
  const std::string before = again->Fingerprint();
  files.Plain("topics", "q1\twhy\nq2\twhat\n");
  const auto changed = OpenLabelRun(run);
  changed->Check(0, {});
  EXPECT_NE(changed->Fingerprint(), before);
}

TEST(ShownOrderTest, IsOfSeedAndRowAlone) {
  EXPECT_THAT(ShownOrder(3, {}, 5), ElementsAre(0, 1, 2));
  const auto first = ShownOrder(20, 1, 5);
  EXPECT_EQ(ShownOrder(20, 1, 5), first);
  EXPECT_NE(ShownOrder(20, 1, 6), first);
  EXPECT_NE(ShownOrder(20, 2, 5), first);
  auto sorted = first;
  std::ranges::sort(sorted);
  EXPECT_EQ(sorted, ShownOrder(20, {}, 0));
  // Each passage comes first about as often as any other.
  std::vector<int> counts(4);
  for (size_t row = 1; row <= 4000; ++row) ++counts[static_cast<size_t>(ShownOrder(4, 1, row)[0])];
  for (const int count : counts) EXPECT_NEAR(count, 1000, 150);
}

}  // namespace
}  // namespace dear
