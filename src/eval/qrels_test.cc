#include "eval/qrels.h"

#include <gmock/gmock.h>

#include "eval/testing/texts.h"

namespace dear::eval {
namespace {

using ::testing::HasSubstr;

int32_t RelevanceOf(const Qrels& qrels, std::string_view qid, std::string_view docid) {
  const Topic* topic = qrels.Find(qid);
  EXPECT_NE(topic, nullptr);
  const Judgement* judgement = topic->Find(docid, HashId(docid));
  return judgement == nullptr ? -99 : judgement->relevance;
}

TEST(QrelsTest, ReadsTrecLines) {
  const Qrels qrels = QrelsOf("q2 0 d1 1\r\n\n  q1\tQ0 \td2  +3 \nq2 0 d2 -1\nq10 0 d1 0");
  ASSERT_EQ(qrels.topics().size(), 3U);
  EXPECT_EQ(qrels.topics()[0].qid(), "q1");  // byte by byte: q1 < q10 < q2
  EXPECT_EQ(qrels.topics()[1].qid(), "q10");
  EXPECT_EQ(RelevanceOf(qrels, "q1", "d2"), 3);
  EXPECT_EQ(RelevanceOf(qrels, "q2", "d2"), -1);
  EXPECT_EQ(RelevanceOf(qrels, "q2", "d3"), -99);
  EXPECT_EQ(qrels.Find("q"), nullptr);
  EXPECT_EQ(qrels.topics()[2].level_counts(), (std::vector<int64_t>{0, 1}));
}

TEST(QrelsTest, ReadsBeirTables) {
  const Qrels qrels = QrelsOf("query-id\tcorpus-id\tscore\n1\tdoc-7\t2\n1\t8\t1.0\n");
  ASSERT_EQ(qrels.topics().size(), 1U);
  EXPECT_EQ(RelevanceOf(qrels, "1", "doc-7"), 2);
  EXPECT_EQ(RelevanceOf(qrels, "1", "8"), 1);
}

TEST(QrelsTest, ManyDocumentsAreFound) {
  std::string text;
  for (int i = 0; i < 3000; ++i)
    text += "q 0 d" + std::to_string(i) + " " + std::to_string(i % 4) + "\n";
  const Qrels qrels = QrelsOf(text);
  for (int i = 0; i < 3000; ++i) EXPECT_EQ(RelevanceOf(qrels, "q", "d" + std::to_string(i)), i % 4);
  EXPECT_EQ(qrels.topics()[0].level_counts(), (std::vector<int64_t>(4, 750)));
}

TEST(QrelsTest, NotesADocumentJudgedTwice) {
  EXPECT_EQ(QrelsOf("q 0 a 1\nq 0 b 1\nq 0 a 0\n").topics()[0].duplicate(), "a");
  const Qrels rising = QrelsOf("q 0 a -1\nq 0 a 9\n");
  EXPECT_EQ(rising.topics()[0].duplicate(), "a");
  EXPECT_EQ(rising.topics()[0].level_counts().size(), 10U);
  EXPECT_FALSE(QrelsOf("q 0 a 1\np 0 a 1\n").topics()[0].duplicate());
}

TEST(QrelsTest, ErrorsNameFileAndLine) {
  const auto error = [](const char* text) { return ErrorOf([&] { QrelsOf(text); }); };
  EXPECT_THAT(error("q 0 a 1\nq 0 b\n"), HasSubstr("qrels:2: expected 4 columns"));
  EXPECT_THAT(error("q 0 a 1 2\n"), HasSubstr("qrels:1: expected 4 columns"));
  EXPECT_THAT(error("q 0 a one\n"), HasSubstr("relevance 'one' is no integer"));
  EXPECT_THAT(error("q 0 a 1.5\n"), HasSubstr("relevance '1.5' is no integer"));
  EXPECT_THAT(error("q 0 a 99999999999\n"), HasSubstr("is above 65535"));
  EXPECT_THAT(error("q 0 a 65536\n"), HasSubstr("is above 65535"));
  EXPECT_THAT(error("\n \n"), HasSubstr("holds no relevance judgements"));
  EXPECT_THAT(error(""), HasSubstr("holds no relevance judgements"));
  EXPECT_THAT(error("query-id corpus-id score\n1 2 3 4\n"),
              HasSubstr("qrels:2: expected 3 columns"));
  EXPECT_THAT(ErrorOf([] { QrelsOf(std::string("q 0 a\0 1\n", 9)); }), HasSubstr("NUL byte"));
}

}  // namespace
}  // namespace dear::eval
