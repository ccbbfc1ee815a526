#include "api/rank_jobs.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace dear {
namespace {

TEST(RankJobs, ReadsRankLlmLines) {
  const auto jobs = ParseRankJobs(
      R"({"query": {"text": "cats", "qid": 12}, "candidates": [{"docid": "a", "score": 2.5, "doc": {"segment": "one", "title": "T"}}, {"docid": 7, "doc": "two"}]}

{"query": {"text": "dogs"}, "candidates": [], "adapter": "x"}
)",
      "jobs.jsonl");
  ASSERT_EQ(jobs.size(), 2U);
  EXPECT_EQ(jobs[0].request.qid, "12");
  EXPECT_EQ(jobs[0].request.query, "cats");
  EXPECT_EQ(jobs[0].request.passages[0].text, "one");
  EXPECT_EQ(jobs[0].request.passages[0].title, "T");
  EXPECT_EQ(jobs[0].request.passages[0].first_stage_score, 2.5);
  EXPECT_EQ(jobs[0].request.passages[1].docid, "7");
  EXPECT_EQ(jobs[0].request.passages[1].text, "two");
  EXPECT_EQ(jobs[1].request.qid, "q2");
  EXPECT_EQ(jobs[1].adapter, "x");
}

TEST(RankJobs, ReadsRankGptLists) {
  const auto jobs = ParseRankJobs(
      R"( [{"query": "cats", "hits": [{"content": "one", "qid": "5", "docid": "a", "rank": 1, "score": 3}, {"content": "two"}]}])",
      "jobs.json");
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_EQ(jobs[0].request.qid, "5");
  EXPECT_EQ(jobs[0].request.passages[1].docid, "d1");
  EXPECT_EQ(jobs[0].request.passages[1].text, "two");
}

std::string ErrorOfJobs(const std::string& text) {
  try {
    ParseRankJobs(text, "jobs");
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

TEST(RankJobs, ErrorsNameLineAndField) {
  EXPECT_NE(ErrorOfJobs("\n{\"query\": 3}").find("jobs: line 2"), std::string::npos);
  EXPECT_NE(ErrorOfJobs("{\"query\": \"a\"}").find("candidates"), std::string::npos);
  EXPECT_NE(ErrorOfJobs("{\"query\": \"a\", \"hits\": 3}").find("hits"), std::string::npos);
  EXPECT_NE(ErrorOfJobs("{\"query\": \"a\", \"hits\": [{}]}").find("hits[0]"), std::string::npos);
  EXPECT_NE(ErrorOfJobs("{\"query\": \"a\", \"hits\": [{\"text\": 3}]}").find("text"),
            std::string::npos);
  EXPECT_NE(ErrorOfJobs("{\"query\"").find("line 1"), std::string::npos);
  EXPECT_NE(ErrorOfJobs("[3]").find("[0]"), std::string::npos);
  const std::string job = "{\"query\": \"a\", \"qid\": \"1\", \"hits\": []}\n";
  EXPECT_NE(ErrorOfJobs(job + job).find("was there before"), std::string::npos);
  EXPECT_NE(
      ErrorOfJobs(
          "\n{\"query\": \"a\", \"qid\": \"7\", \"hits\": [{\"docid\": \"x\", \"text\": \"1\"}, "
          "{\"docid\": \"x\", \"text\": \"2\"}]}")
          .find("jobs: line 2: query '7' has the document 'x' twice"),
      std::string::npos);
}

TEST(RankJobs, APassageWithoutAnIdGetsOneThatNoOtherHas) {
  const auto jobs = ParseRankJobs(
      "{\"query\": \"a\", \"hits\": [{\"docid\": \"d1\", \"text\": \"1\"}, {\"text\": \"2\"}, "
      "{\"text\": \"3\"}]}",
      "jobs");
  std::vector<std::string> ids;
  for (const Passage& passage : jobs[0].request.passages) ids.push_back(passage.docid);
  EXPECT_EQ(ids, (std::vector<std::string>{"d1", "d1'", "d2"}));
}

// A longer job begins with the fingerprints of a shorter one; any other text has others.
TEST(RankJobs, FingerprintsTellWhatIsRanked) {
  const auto fingerprints = [](const std::string& text) {
    return RankJobFile(text, "jobs").Check({}).fingerprints;
  };
  const std::string one = "{\"query\": \"a\", \"hits\": [{\"text\": \"1\"}]}\n";
  const std::string two = "{\"query\": \"b\", \"hits\": []}\n";
  EXPECT_EQ(fingerprints(one + two).size(), 2U);
  EXPECT_EQ(fingerprints(one + two)[0], fingerprints(one)[0]);
  EXPECT_NE(fingerprints(one + two)[1], fingerprints(two + one)[1]);
  EXPECT_NE(fingerprints("{\"query\": \"a\", \"hits\": [{\"text\": \"2\"}]}")[0],
            fingerprints(one)[0]);
  EXPECT_NE(fingerprints("{\"query\": \"a\", \"hits\": [{\"text\": \"1\", \"score\": 2}]}")[0],
            fingerprints(one)[0]);
}

TEST(RankJobs, AFileIsCheckedAndThenGivenOnceMore) {
  const std::string text =
      "{\"query\": \"a\", \"hits\": [], \"adapter\": \"x\"}\n{\"query\": \"b\", \"hits\": []}\n";
  RankJobFile jobs(text, "jobs");
  const JobsOutline outline = jobs.Check({});
  EXPECT_EQ(outline.queries, 2U);
  EXPECT_EQ(outline.adapters, (std::set<std::string>{"", "x"}));
  EXPECT_EQ(jobs.Next()->request.query, "a");
  EXPECT_EQ(jobs.Next()->request.query, "b");
  EXPECT_FALSE(jobs.Next());
  EXPECT_THROW(RankJobFile("", "jobs").Check({}), Error);
  EXPECT_THROW(RankJobFile(text, "jobs").Check([] { return true; }), Error);
}

}  // namespace
}  // namespace dear
