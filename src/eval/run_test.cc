#include "eval/run.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "eval/run_parsers.h"
#include "eval/testing/texts.h"

namespace dear::eval {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// "docid:score" of a query's rows, in the order of the text.
std::vector<std::string> RowsOf(const RunQuery& query) {
  std::vector<std::string> out;
  for (const auto piece : query.pieces) {
    for (const RunRow& row : piece)
      out.push_back(std::string(row.docid()) + ":" + std::to_string(static_cast<int>(row.score)));
  }
  return out;
}

TEST(RunTest, ReadsTrecLines) {
  const auto run = RunOf("b Q0 d1 1 9 tag\r\n\n a\tQ0\td2\t1\t+8\ttag more\nb Q0 d3 2 -7e0 last");
  ASSERT_EQ(run.queries().size(), 2U);
  EXPECT_EQ(run.queries()[0].qid, "a");
  EXPECT_THAT(RowsOf(run.queries()[0]), ElementsAre("d2:8"));
  EXPECT_THAT(RowsOf(run.queries()[1]), ElementsAre("d1:9", "d3:-7"));
  EXPECT_EQ(run.tag(), "last");
  EXPECT_FALSE(run.has_facts());
}

TEST(RunTest, PiecesOfALongTextAreJoined) {
  std::string text;
  const int lines = 120000;  // more than two pieces
  const std::string tag(200, 't');
  for (int i = 0; i < lines; ++i) {
    text += "query" + std::to_string(i % 3) + " Q0 document" + std::to_string(i) + " 1 2.5 ";
    text += tag + "\n";
  }
  ThreadPool pool(2);
  const auto run = eval::Run::Parse(TextSource::FromString(text, "run"), &pool);
  ASSERT_EQ(run.queries().size(), 3U);
  size_t rows = 0;
  for (const RunQuery& query : run.queries()) {
    for (const auto piece : query.pieces) rows += piece.size();
  }
  EXPECT_EQ(rows, static_cast<size_t>(lines));
}

TEST(RunTest, ScoresAreFloatsOfDoubles) {
  const auto score = [](std::string_view column) {
    float value = 0;
    EXPECT_TRUE(ParseScore(column, &value)) << column;
    return value;
  };
  EXPECT_EQ(score("16777217"), 16777216.0F);
  EXPECT_EQ(score("1e39"), std::numeric_limits<float>::infinity());
  EXPECT_EQ(score("-1e300"), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(score("1e-400"), 0.0F);
  EXPECT_EQ(score("3.4028235e38"), std::numeric_limits<float>::max());
  // Halfway between two floats once it is a double: rounded twice, as atof() and a float do.
  EXPECT_EQ(score("1.00000017881393432617187499"),
            static_cast<float>(1.00000017881393432617187499));
  float value = 0;
  for (const char* bad :
       {"nan", "inf", "-Infinity", "1.5x", "", "+", "abc", "1e400", "--1", "0x10"})
    EXPECT_FALSE(ParseScore(bad, &value)) << bad;
}

TEST(RunTest, ErrorsNameFileAndLine) {
  const auto error = [](const char* text) { return ErrorOf([&] { RunOf(text); }); };
  EXPECT_THAT(error("q Q0 d 1 1 t\nq Q0 e 2 nan t\n"),
              HasSubstr("run:2: score 'nan' is no finite"));
  EXPECT_THAT(error("q Q0 d 1 1 t\n\nq Q0 e 2 -inf t\n"), HasSubstr("run:3: score '-inf'"));
  EXPECT_THAT(error("q Q0 d 1 best t\n"), HasSubstr("run:1: score 'best' is no finite number"));
  EXPECT_THAT(error("q Q0 d 1 1\n"), HasSubstr("run:1: expected 6 columns"));
  EXPECT_THAT(error(""), HasSubstr("is empty"));
  EXPECT_THAT(error(" \n\n"), HasSubstr("is empty"));
  EXPECT_THAT(ErrorOf([] { RunOf(std::string("q Q0 d\0 1 1 t\n", 14)); }), HasSubstr("NUL byte"));
}

TEST(RunTest, ReadsOurJsonLines) {
  const auto run =
      RunOf(R"({"qid": "2", "model": "m", "results": [{"docid": "b", "rank": 1, "score": 0.1},
 {"docid": 7, "rank": 2, "score": 5}], "repair": "missing", "seconds": {"total": 1.5}}
{"qid": 1, "results": [{"docid": "x"}]}
)");
  ASSERT_EQ(run.queries().size(), 2U);
  EXPECT_EQ(run.queries()[0].qid, "1");
  EXPECT_THAT(RowsOf(run.queries()[1]), ElementsAre("b:0", "7:-1"));  // the list's order ranks
  EXPECT_EQ(run.tag(), "m");
  ASSERT_NE(run.queries()[1].facts, nullptr);
  EXPECT_EQ(run.queries()[1].facts->repair, "missing");
  EXPECT_EQ(run.queries()[1].facts->seconds, 1.5);
  EXPECT_EQ(run.queries()[0].facts, nullptr);
}

TEST(RunTest, ReadsRankLlmAndRankGptLists) {
  const auto rankllm = RunOf(
      R"([{"query": {"text": "a [b", "qid": 3}, "candidates": [{"docid": "x", "doc": {"text": "}"}}]},
      {"query": {"text": "c", "qid": 4}, "candidates": []}])");
  ASSERT_EQ(rankllm.queries().size(), 1U);  // nothing retrieved for 4
  EXPECT_EQ(rankllm.queries()[0].qid, "3");
  const auto rankgpt =
      RunOf(R"([{"query": "c", "hits": [{"content": "\"]", "qid": 9, "docid": "y"}]}])");
  EXPECT_EQ(rankgpt.queries()[0].qid, "9");
  EXPECT_THAT(RowsOf(rankgpt.queries()[0]), ElementsAre("y:0"));
}

TEST(RunTest, JsonErrorsNameTheField) {
  const auto error = [](const char* text) { return ErrorOf([&] { RunOf(text); }); };
  EXPECT_THAT(error("{\"qid\": 1, \"results\": []}\n{\"qid\": 2}"), HasSubstr("run:2: no list"));
  EXPECT_THAT(error(R"({"qid": 1, "results": [{"rank": 1}]})"),
              HasSubstr("results[0]: field 'docid'"));
  EXPECT_THAT(error(R"({"results": [{"docid": 1}]})"), HasSubstr("field 'qid' is missing"));
  EXPECT_THAT(error("{\"qid\": 1, \"results\": [{\"docid\": 1}]}\n{\"qid\": 1, \"results\": "
                    "[{\"docid\": 2}]}"),
              HasSubstr("query '1' has two rankings"));
  EXPECT_THAT(error("[{\"qid\": 1, \"results\": [{\"docid\": 1}]}"),
              HasSubstr("ends before its ']'"));
  EXPECT_THAT(error("[]"), HasSubstr("without queries"));
  EXPECT_THAT(error("{\"qid\": 1, \"results\": [{\"docid\""), HasSubstr("not valid JSON"));
  EXPECT_THAT(error("[1, 2]"), HasSubstr("not valid JSON"));
  EXPECT_THAT(error(R"({"qid": 1.5, "results": []})"), HasSubstr("'qid' must be a string"));
}

}  // namespace
}  // namespace dear::eval
