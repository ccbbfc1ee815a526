#include "eval/report.h"

#include <gmock/gmock.h>

#include <limits>

#include "eval/fact_summary.h"
#include "eval/report_text.h"
#include "eval/testing/texts.h"

namespace dear::eval {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

constexpr const char* kHostile = "<script>alert('1')</script>&\"`|*\xFF\x1b[31m";

// Two runs over `queries` queries, the second a reranker's, compared by two measures.
ReportInput Input(int queries, const std::string& name) {
  std::string qrels;
  std::string base;
  std::string run;
  for (int q = 0; q < queries; ++q) {
    const std::string qid = "q" + std::to_string(q);
    const int place = q % 5;
    qrels += qid + " 0 d3 1\n";
    run += R"({"qid": ")" + qid + R"(", "results": [)";
    for (int d = 0; d < 5; ++d) {
      base += qid + " Q0 d" + std::to_string(d) + " 1 " + std::to_string(-d) + " t\n";
      run += std::string(d == 0 ? "" : ", ") + R"({"docid": "d)" + std::to_string((d + place) % 5) +
             R"("})";
    }
    run += std::string(R"(], "repair": ")") + (q % 3 == 0 ? "missing" : "ok") +
           R"(", "seconds": {"total": )" + std::to_string(q + 1) + "}}\n";
  }
  ReportInput input;
  input.qrels = name;
  input.conditions = {"averaged over the queries retrieved"};
  const std::vector<std::string> measures = {"recip_rank", "P.1", "num_q"};
  input.measures = MeasureSet::Parse(measures, GainKind::kLinear);
  const Qrels judgements = QrelsOf(qrels);
  input.evaluations = {Evaluate(RunOf(base), judgements, input.measures, {}),
                       Evaluate(RunOf(run), judgements, input.measures, {})};
  input.names = {"base", name};
  input.comparison =
      Compare(input.evaluations[0], std::span(input.evaluations).subspan(1), input.measures, {});
  input.focus = "P_1";
  return input;
}

TEST(ReportTest, TheHtmlPageStandsAlone) {
  const std::string page = HtmlReport(Input(30, "run.jsonl"));
  EXPECT_THAT(page, HasSubstr("<meta name=\"viewport\""));
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme:dark"));
  for (const char* never : {"<script", "src=", "href=", "@import", "url("})
    EXPECT_THAT(page, Not(HasSubstr(never))) << never;
  EXPECT_THAT(page, HasSubstr("run.jsonl against base"));
  EXPECT_THAT(page, HasSubstr("<details open><summary>P_1, query by query"));
  EXPECT_THAT(page, HasSubstr("<details><summary>recip_rank, query by query"));
  EXPECT_THAT(page, HasSubstr("missing 10 <span class=\"soft\">33.3 %"));
  EXPECT_THAT(page, HasSubstr("median</span> 15.5 s"));
  EXPECT_EQ(page, HtmlReport(Input(30, "run.jsonl")));
}

TEST(ReportTest, NamesCannotBecomeMarkup) {
  for (const bool compared : {true, false}) {
    ReportInput input = Input(3, kHostile);
    if (!compared) input.comparison.reset();
    if (compared) {
      for (QueryDifference& query : input.comparison->runs[0].measures[0].differences)
        query.qid = kHostile;
    }
    const std::string page = HtmlReport(input);
    EXPECT_THAT(page, Not(HasSubstr("<script")));
    EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&#39;1&#39;)"));
    EXPECT_THAT(page, Not(HasSubstr("\x1b")));
    EXPECT_THAT(page, Not(HasSubstr("\xFF")));
    const std::string text = MarkdownReport(input);
    EXPECT_THAT(text, HasSubstr("&lt;script>"));
    EXPECT_THAT(text, HasSubstr("\\`\\|\\*"));
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  }
}

TEST(ReportTest, ManyQueriesBecomeOnePath) {
  const std::string page = HtmlReport(Input(2000, "run"));
  EXPECT_THAT(page, HasSubstr("<path class=\"up\""));
  EXPECT_LT(page.size(), size_t{300000});
}

TEST(ReportTest, ASingleRunShowsItsQueries) {
  ReportInput input = Input(10, "run");
  input.comparison.reset();
  input.evaluations.resize(1);
  input.names.resize(1);
  const std::string page = HtmlReport(input);
  EXPECT_THAT(page, HasSubstr("P_1, query by query"));
  EXPECT_THAT(page, Not(HasSubstr("Holm")));
  EXPECT_THAT(MarkdownReport(input), HasSubstr("| base |"));
}

TEST(ReportTest, MarkdownHoldsTheFigures) {
  const std::string text = MarkdownReport(Input(30, "run.jsonl"));
  EXPECT_THAT(text, HasSubstr("| run         | queries | num_q | recip_rank |     P_1 |"));
  EXPECT_THAT(text, HasSubstr("## run.jsonl against base"));
  EXPECT_THAT(text, HasSubstr("### P_1, query by query"));
  EXPECT_THAT(text, HasSubstr("| missing |"));
  EXPECT_THAT(text, HasSubstr("█"));
}

TEST(ReportTest, NumbersAsPeopleReadThem) {
  EXPECT_EQ(Signed(0.01234, 4), "+0.0123");
  EXPECT_EQ(Signed(-0.5, 2), "−0.50");
  EXPECT_EQ(Signed(-0.00001, 4), "±0.0000");
  EXPECT_EQ(PValue(0.00001), "<0.0001");
  EXPECT_EQ(PValue(std::numeric_limits<double>::quiet_NaN()), "n/a");
  EXPECT_EQ(Seconds(0.0004), "400 µs");
  EXPECT_EQ(Seconds(0.25), "250 ms");
  EXPECT_EQ(Seconds(3.256), "3.26 s");
  EXPECT_EQ(Seconds(600), "10.0 min");
  EXPECT_EQ(Counted(1, "query", "queries"), "1 query");
}

TEST(ReportTest, FactsAreSummed) {
  std::vector<QueryFacts> facts(5);
  facts[0] = {"missing", 4.0};
  facts[1] = {"ok", 1.0};
  facts[2] = {"missing", 2.0};
  facts[3] = {"", 3.0};
  facts[4] = {"repetition", std::nullopt};
  const FactSummary summary(facts);
  EXPECT_THAT(summary.repairs,
              ElementsAre(Pair("ok", 1), Pair("missing", 2), Pair("repetition", 1)));
  EXPECT_THAT(summary.seconds, ElementsAre(1, 2, 3, 4));
  EXPECT_DOUBLE_EQ(Quantile(summary.seconds, .5), 2.5);
  EXPECT_DOUBLE_EQ(Quantile(summary.seconds, 1), 4);
  EXPECT_DOUBLE_EQ(Quantile({}, .5), 0);
  EXPECT_TRUE(FactSummary({}).empty());
}

}  // namespace
}  // namespace dear::eval
