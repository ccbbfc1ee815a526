#include "eval/comparison.h"

#include <gmock/gmock.h>

#include "eval/significance.h"
#include "eval/testing/texts.h"

namespace dear::eval {
namespace {

using ::testing::HasSubstr;

constexpr const char* kQrels = "1 0 a 1\n2 0 a 1\n3 0 a 1\n4 0 a 1\n5 0 a 1\n";

// A run that puts the relevant document of query i at places[i]; 0: the query is left out.
Evaluation RunWith(const std::vector<int>& places, const MeasureSet& measures, const char* name) {
  std::string text;
  for (size_t q = 0; q < places.size(); ++q) {
    for (int rank = 1; rank <= places[q]; ++rank) {
      text += std::to_string(q + 1) + " Q0 " +
              (rank == places[q] ? "a" : "x" + std::to_string(rank)) + " 1 " +
              std::to_string(-rank) + " t\n";
    }
  }
  Evaluation out = Evaluate(RunOf(text), QrelsOf(kQrels), measures, {});
  out.run = name;
  return out;
}

MeasureSet Measures(const std::vector<std::string>& names) {
  return MeasureSet::Parse(names, GainKind::kLinear);
}

TEST(ComparisonTest, CountsAndListsQueries) {
  const MeasureSet measures = Measures({"recip_rank", "num_q", "gm_map", "P.1"});
  const Evaluation base = RunWith({2, 1, 4, 1, 1}, measures, "base");
  const std::vector<Evaluation> runs = {RunWith({1, 1, 2, 2, 1}, measures, "better")};
  const Comparison comparison = Compare(base, runs, measures, {});
  ASSERT_EQ(comparison.runs.size(), 1U);
  ASSERT_EQ(comparison.runs[0].measures.size(), 2U);  // counts and geometric means are no means
  const MeasureComparison& rr = comparison.runs[0].measures[0];
  EXPECT_EQ(rr.measure, "recip_rank");
  EXPECT_EQ(rr.wins, 2);
  EXPECT_EQ(rr.ties, 2);
  EXPECT_EQ(rr.losses, 1);
  EXPECT_DOUBLE_EQ(rr.base_mean, 3.75 / 5);
  EXPECT_DOUBLE_EQ(rr.run_mean, 4.0 / 5);
  ASSERT_EQ(Gained(rr, 10).size(), 2U);
  EXPECT_EQ(Gained(rr, 10)[0].qid, "1");
  EXPECT_EQ(Gained(rr, 1).size(), 1U);
  ASSERT_EQ(Lost(rr, 10).size(), 1U);
  EXPECT_EQ(Lost(rr, 10)[0].qid, "4");
  const std::vector<double> d = {0.5, 0, 0.25, -0.5, 0};
  EXPECT_DOUBLE_EQ(rr.t_test.p, PairedTTest(d));
  EXPECT_DOUBLE_EQ(rr.wilcoxon.p, WilcoxonTest(d));
  EXPECT_DOUBLE_EQ(rr.randomisation.p, RandomisationTest(d, 10000, 1));
  EXPECT_GE(rr.t_test.corrected, rr.t_test.p);
}

TEST(ComparisonTest, ARunAgainstItselfIsNoDifference) {
  const MeasureSet measures = Measures({"map"});
  const Evaluation base = RunWith({2, 1, 4, 1, 3}, measures, "base");
  const Comparison comparison = Compare(base, std::vector<Evaluation>{base}, measures, {});
  const MeasureComparison& map = comparison.runs[0].measures[0];
  EXPECT_EQ(map.ties, 5);
  EXPECT_EQ(map.t_test.p, 1.0);
  EXPECT_EQ(map.randomisation.corrected, 1.0);
  EXPECT_TRUE(Gained(map, 10).empty());
  EXPECT_TRUE(Lost(map, 10).empty());
}

TEST(ComparisonTest, QueriesOfOneRunOnly) {
  const MeasureSet measures = Measures({"map"});
  const Evaluation base = RunWith({1, 1, 1, 0, 0}, measures, "base");
  const std::vector<Evaluation> runs = {RunWith({0, 2, 1, 1, 0}, measures, "other")};
  Comparison comparison = Compare(base, runs, measures, {});
  EXPECT_EQ(comparison.runs[0].num_queries, 2);
  EXPECT_EQ(comparison.runs[0].num_left_out, 2);
  comparison = Compare(base, runs, measures, {.complete = true});
  const MeasureComparison& map = comparison.runs[0].measures[0];
  EXPECT_EQ(comparison.runs[0].num_queries, 5);
  EXPECT_EQ(map.wins, 1);
  EXPECT_EQ(map.losses, 2);
  EXPECT_EQ(map.ties, 2);
  EXPECT_DOUBLE_EQ(map.base_mean, 0.6);
}

TEST(ComparisonTest, ThreadsDoNotChangeABit) {
  const MeasureSet measures = Measures({"map", "P", "ndcg"});
  const Evaluation base = RunWith({2, 1, 4, 1, 3}, measures, "base");
  const std::vector<Evaluation> runs(3, RunWith({1, 2, 3, 4, 1}, measures, "other"));
  ThreadPool pool(3);
  const Comparison alone = Compare(base, runs, measures, {.resamples = 20});
  const Comparison shared = Compare(base, runs, measures, {.resamples = 20}, &pool);
  for (size_t r = 0; r < runs.size(); ++r) {
    for (size_t m = 0; m < alone.runs[r].measures.size(); ++m) {
      EXPECT_EQ(alone.runs[r].measures[m].randomisation.corrected,
                shared.runs[r].measures[m].randomisation.corrected);
    }
  }
}

TEST(ComparisonTest, Errors) {
  const MeasureSet measures = Measures({"map"});
  const Evaluation base = RunWith({1, 0, 0, 0, 0}, measures, "base");
  const std::vector<Evaluation> runs = {RunWith({0, 1, 0, 0, 0}, measures, "other")};
  EXPECT_THAT(ErrorOf([&] { Compare(base, runs, measures, {}); }),
              HasSubstr("other: no query in common with base"));
  const MeasureSet counts = Measures({"num_q"});
  const Evaluation counted = RunWith({1}, counts, "base");
  EXPECT_THAT(ErrorOf([&] { Compare(counted, std::vector<Evaluation>{counted}, counts, {}); }),
              HasSubstr("none of the measures is a mean"));
}

}  // namespace
}  // namespace dear::eval
