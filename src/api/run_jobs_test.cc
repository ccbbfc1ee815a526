#include "api/run_jobs.h"

#include <gmock/gmock.h>

#include "api/testing/temporary_files.h"

namespace dear {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RunJobsTest : public ::testing::Test {
 protected:
  TemporaryFiles files_;
  std::filesystem::path topics_ = files_.Plain("topics.tsv", "q1\tcats\nq2\tdogs\n");
  std::filesystem::path corpus_ = files_.Plain("corpus.tsv", "a\tone\nb\ttwo\nc\tthree\nd\tfour\n");

  RunFiles Files(const std::string& run) {
    return {.run = files_.Plain("run.trec", run), .topics = topics_, .corpus = corpus_};
  }
  // "qid query: docid=score text, …" a query.
  static std::vector<std::string> Read(RunJobs& jobs) {
    std::vector<std::string> out;
    while (const auto job = jobs.Next()) {
      std::string line = job->request.qid + " " + job->request.query + ":";
      for (const Passage& passage : job->request.passages) {
        line += " " + passage.docid + "=" +
                std::to_string(*passage.first_stage_score).substr(0, 6) + " " + passage.text;
      }
      out.push_back(line);
    }
    return out;
  }
  std::vector<std::string> Read(const std::string& run) {
    RunJobs jobs(Files(run));
    const JobsOutline outline = jobs.Check({});
    const auto out = Read(jobs);
    EXPECT_EQ(outline.queries, out.size());
    EXPECT_THAT(outline.adapters, ElementsAre(""));
    return out;
  }
  std::string ErrorOfRun(const std::string& run) {
    return ErrorOf([&] { RunJobs(Files(run)).Check({}); });
  }
};

TEST_F(RunJobsTest, QueriesInTheRunsOrderAndCandidatesByScore) {
  EXPECT_THAT(Read("q2 Q0 a 1 2.5 t\n"
                   "q1 Q0 b 1 +1e1 t\n"
                   "q2 Q0 c 2 3.25 t\n"),
              ElementsAre("q2 dogs: c=3.2500 three a=2.5000 one", "q1 cats: b=10.000 two"));
}

TEST_F(RunJobsTest, TiesGoByRankThenByFile) {
  EXPECT_THAT(Read("q1 Q0 d 3 1 t\nq1 Q0 a 2 1 t\nq1 Q0 c 1 0.5 t\nq1 Q0 b 2 1 t\n"),
              ElementsAre("q1 cats: a=1.0000 one b=1.0000 two d=1.0000 four c=0.5000 three"));
  EXPECT_THAT(Read("q1 Q0 d - 1 t\nq1 Q0 a - 1 t\nq1 Q0 b 9 1 t\n"),
              ElementsAre("q1 cats: b=1.0000 two d=1.0000 four a=1.0000 one"));
}

TEST_F(RunJobsTest, ScoresAreDoubles) {
  RunJobs jobs(Files("q1 Q0 a 1 16777217.25 t\nq1 Q0 b 2 16777217.5 t\n"));
  jobs.Check({});
  const auto job = jobs.Next();
  EXPECT_EQ(job->request.passages[0].docid, "b");
  EXPECT_EQ(job->request.passages[0].first_stage_score, 16777217.5);
}

TEST_F(RunJobsTest, TopicsWithoutCandidatesAreNoted) {
  RunJobs jobs(Files("q2 Q0 a 1 2 t\n"));
  EXPECT_THAT(jobs.Check({}).notes,
              ElementsAre(HasSubstr("topics.tsv: 1 topics have no candidates in ")));
  RunJobs all(Files("q2 Q0 a 1 2 t\nq1 Q0 a 1 2 t\n"));
  EXPECT_THAT(all.Check({}).notes, IsEmpty());
}

TEST_F(RunJobsTest, WhatIsMissingIsCountedAndNamed) {
  EXPECT_THAT(ErrorOfRun("q1 Q0 a 1 9 t\nq9 Q0 a 1 9 t\n"),
              HasSubstr("topics.tsv: has no topic for 1 of the 2 queries of "));
  EXPECT_THAT(ErrorOfRun("q9 Q0 a 1 9 t\n"), HasSubstr(": 'q9'"));
  EXPECT_THAT(ErrorOfRun("q1 Q0 a 1 9 t\nq1 Q0 x 2 8 t\nq2 Q0 y 3 7 t\n"),
              AllOf(HasSubstr("corpus.tsv: lacks 2 of the 3 documents of "),
                    HasSubstr(": 'x' (query 'q1'), 'y' (query 'q2')")));
  std::string run;
  for (int i = 0; i < 9; ++i) run += "q1 Q0 x" + std::to_string(i) + " 1 1 t\n";
  EXPECT_THAT(ErrorOfRun(run),
              AllOf(HasSubstr("lacks 9 of the 9"), HasSubstr("'x2' (query 'q1'), …")));
}

TEST_F(RunJobsTest, BadRunsAreNamed) {
  EXPECT_THAT(ErrorOfRun("q1 Q0 a 1 9 t\nq2 Q0 a 1 9 t\nq1 Q0 a 2 8 t\n"),
              HasSubstr("run.trec:3: query 'q1' has the document 'a' twice"));
  EXPECT_THAT(ErrorOfRun("q1 Q0 a 1 nan t\n"), HasSubstr("run.trec:1: score 'nan'"));
  EXPECT_THAT(ErrorOfRun("q1 Q0 a 1 inf t\n"), HasSubstr("run.trec:1: score 'inf'"));
  EXPECT_THAT(ErrorOfRun("q1 a 1\n"), HasSubstr("run.trec:1: expected 6 columns"));
  EXPECT_THAT(ErrorOfRun(""), HasSubstr("run.trec: is empty"));
  EXPECT_THAT(ErrorOfRun("q1 Q0 a\xFF 1 1 t\n"), HasSubstr("run.trec:1: the id 'a"));
  EXPECT_THAT(ErrorOfRun("{\"query\": \"x\", \"hits\": []}"), HasSubstr("is JSON"));
}

TEST_F(RunJobsTest, BeirsFolderBringsTopicsAndCorpus) {
  files_.Plain("beir/queries.jsonl", "{\"_id\": \"q1\", \"text\": \"cats\", \"metadata\": {}}\n");
  files_.Plain("beir/corpus.jsonl", "{\"_id\": \"a\", \"title\": \"T\", \"text\": \"one\"}\n");
  RunFiles files = Files("q1 Q0 a 1 1 t\n");
  files.topics.clear();
  EXPECT_THAT(ErrorOf([&] { FindRunFiles(files); }), HasSubstr("corpus.tsv: is no folder"));
  files.corpus = files_.folder() / "beir";
  RunJobs jobs(files);
  jobs.Check({});
  EXPECT_THAT(Read(jobs), ElementsAre("q1 cats: a=1.0000 one"));
  files.topics = files.corpus;
  EXPECT_EQ(FindRunFiles(files).topics.filename(), "queries.jsonl");
  files.topics = files_.folder();
  EXPECT_THAT(ErrorOf([&] { FindRunFiles(files); }), HasSubstr("holds a queries.jsonl"));
}

}  // namespace
}  // namespace dear
