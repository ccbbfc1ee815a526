#include "eval/evaluation.h"

#include <gmock/gmock.h>

#include <cmath>

#include "eval/testing/texts.h"
#include "eval/trec_format.h"

namespace dear::eval {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

double One(const std::string& qrels, const std::string& run, const std::string& measure,
           const EvaluationOptions& options = {}, GainKind gain = GainKind::kLinear) {
  const std::vector<std::string> requests = {measure};
  const Evaluation evaluation =
      Evaluate(RunOf(run), QrelsOf(qrels), MeasureSet::Parse(requests, gain), options);
  return evaluation.summary.at(0);
}

constexpr const char* kFiveJudgments = "q 0 a 3\nq 0 b 0\nq 0 c 1\nq 0 d 2\nq 0 n -1\n";
constexpr const char* kRun =
    "q Q0 b 1 9 t\nq Q0 a 2 8 t\nq Q0 x 3 7 t\nq Q0 n 4 6 t\nq Q0 c 5 5 t\n";

TEST(EvaluationTest, MeasuresByHand) {
  EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, "map"), (1.0 / 2 + 2.0 / 5) / 3);
  EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, "recip_rank"), 0.5);
  EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, "P.10"), 0.2);
  EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, "recall.2"), 1.0 / 3);
  EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, "success.1"), 0);
  EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, "Rprec"), 1.0 / 3);
  const double ideal = 3 + 2 / std::log2(3.0) + 1 / 2.0;
  EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, "ndcg"),
                   (3 / std::log2(3.0) + 1 / std::log2(6.0)) / ideal);
  EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, "ndcg_cut.2"),
                   (3 / std::log2(3.0)) / (3 + 2 / std::log2(3.0)));
  EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, "bpref"),
                   0);  // its one non-relevant stands above everything
  EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, "set_P"), 0.4);
  EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, "num_nonrel_judged_ret"), 1);
  EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, "num_rel"), 3);
}

TEST(EvaluationTest, ExponentialGain) {
  const double ideal = 7 + 3 / std::log2(3.0) + 1 / 2.0;
  const double dcg = 7 / std::log2(3.0) + 1 / std::log2(6.0);
  for (const char* measure : {"ndcg", "ndcg_cut.10"})
    EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, measure, {}, GainKind::kExponential), dcg / ideal);
}

TEST(EvaluationTest, TiesGoByDocidFallingAndRanksAreIgnored) {
  const std::string qrels = "q 0 b 1\n";
  EXPECT_DOUBLE_EQ(One(qrels, "q Q0 a 1 1 t\nq Q0 b 2 1 t\n", "recip_rank"), 1);
  EXPECT_DOUBLE_EQ(One(qrels, "q Q0 b 1 1 t\nq Q0 \xC3\xA9 2 1 t\n", "recip_rank"), 0.5);  // bytes
  EXPECT_DOUBLE_EQ(One(qrels, "q Q0 b 1 16777216 t\nq Q0 c 2 16777217 t\n", "recip_rank"), 0.5);
}

TEST(EvaluationTest, OptionsOfJudging) {
  EvaluationOptions judged;
  judged.judging.judged_only = true;
  EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, "num_ret", judged), 3);
  EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, "map", judged), (1.0 / 2 + 2.0 / 3) / 3);
  EvaluationOptions first;
  first.judging.max_documents = 2;
  EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, "num_ret", first), 2);
  EvaluationOptions level;
  level.judging.relevance_level = 2;
  EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, "num_rel", level), 2);
  EXPECT_DOUBLE_EQ(One(kFiveJudgments, kRun, "map", level), 0.25);
}

TEST(EvaluationTest, MissingQueriesCountWhereAskedFor) {
  const std::string qrels = "1 0 a 1\n2 0 a 1\n3 0 a 1\n";
  const std::string run = "2 Q0 a 1 1 t\n4 Q0 a 1 1 t\n";
  const std::vector<std::string> requests = {"map", "num_q", "num_rel", "gm_map"};
  const MeasureSet measures = MeasureSet::Parse(requests, GainKind::kLinear);
  EvaluationOptions options;
  Evaluation evaluation = Evaluate(RunOf(run), QrelsOf(qrels), measures, options);
  EXPECT_THAT(evaluation.missing, ElementsAre("1", "3"));
  EXPECT_EQ(evaluation.num_unjudged_queries, 1);
  EXPECT_THAT(evaluation.summary, ElementsAre(1, 1, 1, 1));  // num_q, num_rel, map, gm_map
  options.complete = true;
  evaluation = Evaluate(RunOf(run), QrelsOf(qrels), measures, options);
  EXPECT_EQ(evaluation.summary[0], 3);
  EXPECT_EQ(evaluation.summary[1], 3);
  EXPECT_DOUBLE_EQ(evaluation.summary[2], 1.0 / 3);
  EXPECT_NEAR(evaluation.summary[3], std::pow(1e-10, 1.0 / 3), 1e-12);
}

TEST(EvaluationTest, ErrorsNameQueryAndDocument) {
  const auto error = [](const char* qrels, const char* run) {
    return ErrorOf([&] { One(qrels, run, "map"); });
  };
  EXPECT_THAT(error("q 0 a 1\n", "q Q0 b 1 1 t\nq Q0 b 2 0 t\n"),
              HasSubstr("run: query 'q' retrieves document 'b' twice"));
  EXPECT_THAT(error("q 0 a 1\nq 0 a 1\n", "q Q0 b 1 1 t\n"),
              HasSubstr("qrels: query 'q' judges document 'a' twice"));
  EXPECT_THAT(error("q 0 a 1\n", "p Q0 b 1 1 t\n"), HasSubstr("no query in common with qrels"));
  // As in trec_eval, what is not evaluated is not looked at.
  EXPECT_EQ(error("q 0 a 1\n", "q Q0 b 1 1 t\np Q0 b 1 1 t\np Q0 b 1 1 t\n"), "");
}

TEST(EvaluationTest, NothingLeftIsPrintedAsTrecEvalDoes) {
  EvaluationOptions options;
  options.judging.judged_only = true;
  const std::vector<std::string> requests = {"iprec_at_recall.0", "map", "relstring"};
  const MeasureSet measures = MeasureSet::Parse(requests, GainKind::kLinear);
  const Evaluation evaluation =
      Evaluate(RunOf("q Q0 x 1 1 t\n"), QrelsOf("q 0 a 1\n"), measures, options);
  EXPECT_EQ(evaluation.num_in_pool, 0);
  EXPECT_EQ(FormatTrec(evaluation, measures, {.per_query = true}),
            "map                   \tq\t0.0000\n"
            "iprec_at_recall_0.00  \tq\t  -nan\n"
            "relstring             \tq\t''\n"
            "map                   \tall\t0.0000\n"
            "iprec_at_recall_0.00  \tall\t  -nan\n");
}

TEST(EvaluationTest, ThreadsDoNotChangeABit) {
  std::string qrels;
  std::string run;
  for (int q = 0; q < 500; ++q) {
    for (int d = 0; d < 20; ++d) {
      const std::string doc = "d" + std::to_string(d);
      qrels += std::to_string(q) + " 0 " + doc + " " + std::to_string((q * 7 + d * 3) % 4) + "\n";
      run += std::to_string(q) + " Q0 " + doc + " 1 " + std::to_string((q * d * 13) % 17) + " t\n";
    }
  }
  const std::vector<std::string> requests = {"all_trec"};
  const MeasureSet measures = MeasureSet::Parse(requests, GainKind::kLinear);
  const Qrels judgements = QrelsOf(qrels);
  const auto ranking = RunOf(run);
  ThreadPool pool(3);
  const Evaluation alone = Evaluate(ranking, judgements, measures, {});
  const Evaluation shared = Evaluate(ranking, judgements, measures, {}, &pool);
  EXPECT_EQ(alone.values, shared.values);
  EXPECT_EQ(alone.texts, shared.texts);
  EXPECT_EQ(alone.summary, shared.summary);
}

}  // namespace
}  // namespace dear::eval
