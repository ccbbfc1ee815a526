#include "eval_compare.h"

#include <algorithm>
#include <cmath>

#include "eval/report_text.h"

namespace dear::app {
namespace {

using eval::Comparison;
using eval::MeasureComparison;
using eval::QueryDifference;
using eval::RunComparison;
using eval::TestedP;

// A minus sign of its own only where the terminal shows it.
std::string Difference(double value, bool unicode) {
  std::string text = eval::Signed(value, 4);
  if (unicode) return text;
  for (const auto& [fancy, plain] : {std::pair("−", "-"), std::pair("±", "+")}) {
    if (text.starts_with(fancy)) text.replace(0, std::string(fancy).size(), plain);
  }
  return text;
}

std::string Tested(const TestedP& test) {
  return eval::PValue(test.p) + " (" + eval::PValue(test.corrected) + ")";
}

std::string Extremes(const char* title, const std::vector<QueryDifference>& list,
                     const Terminal& terminal) {
  if (list.empty()) return "";
  std::string out = std::string("  ") + title;
  for (size_t i = 0; i < list.size(); ++i) {
    out += (i == 0 ? " " : ", ") + OneLine(list[i].qid, 40, terminal.unicode) + " " +
           Difference(list[i].difference(), terminal.unicode);
  }
  return out + "\n";
}

std::string AlignedRight(const std::vector<std::vector<std::string>>& rows,
                         const Terminal& terminal) {
  std::vector<int> widths(rows.front().size());
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], DisplayWidth(row[c]));
  }
  std::string out;
  for (size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (size_t c = 0; c < widths.size(); ++c)
      line += c == 0 ? PadRight(rows[r][c], widths[c]) : "  " + PadLeft(rows[r][c], widths[c]);
    out += (r == 0 ? terminal.Styled("1", line) : line) + "\n";
  }
  return out;
}

OrderedJson Number(double value) {
  return std::isfinite(value) ? OrderedJson(value) : OrderedJson();
}

OrderedJson TestJson(const TestedP& test) {
  return {{"p", Number(test.p)}, {"p_holm", Number(test.corrected)}};
}

OrderedJson QueriesJson(const std::vector<QueryDifference>& list) {
  OrderedJson out = OrderedJson::array();
  for (const QueryDifference& query : list) {
    out.push_back({{"qid", query.qid},
                   {"base", Number(query.base)},
                   {"run", Number(query.run)},
                   {"difference", Number(query.difference())}});
  }
  return out;
}

}  // namespace

std::string ComparisonText(const Comparison& comparison, const std::vector<std::string>& names,
                           const Terminal& terminal) {
  std::string out;
  for (size_t i = 0; i < comparison.runs.size(); ++i) {
    const RunComparison& run = comparison.runs[i];
    std::string title = names[i + 1] + " against " + names[0] + ", " +
                        eval::Counted(run.num_queries, "query", "queries");
    if (run.num_left_out > 0)
      title += " (" + std::to_string(run.num_left_out) + " in one of the two only, left out)";
    out += "\n" + terminal.Styled("1", OneLine(title, 300, terminal.unicode)) + "\n";
    std::vector<std::vector<std::string>> rows = {{"measure", "base", "run", "difference", "wins",
                                                   "ties", "losses", "t-test (Holm)",
                                                   "Wilcoxon (Holm)", "randomisation (Holm)"}};
    for (const MeasureComparison& m : run.measures) {
      rows.push_back({m.measure, eval::Decimals(m.base_mean, 4), eval::Decimals(m.run_mean, 4),
                      Difference(m.run_mean - m.base_mean, terminal.unicode) +
                          eval::SignificanceMark(m.t_test.corrected),
                      std::to_string(m.wins), std::to_string(m.ties), std::to_string(m.losses),
                      Tested(m.t_test), Tested(m.wilcoxon), Tested(m.randomisation)});
    }
    out += AlignedRight(rows, terminal);
    for (const MeasureComparison& m : run.measures) {
      const std::string gained =
          Extremes("gained most:", Gained(m, comparison.options.num_extremes), terminal);
      const std::string lost =
          Extremes("lost most:  ", Lost(m, comparison.options.num_extremes), terminal);
      if (!gained.empty() || !lost.empty()) out += m.measure + "\n" + gained + lost;
    }
  }
  return out + "\n" +
         terminal.Styled("2",
                         "* p < .05, ** p < .01, *** p < .001: paired t-test after Holm's "
                         "correction over all runs and measures shown") +
         "\n";
}

OrderedJson ComparisonJson(const Comparison& comparison) {
  OrderedJson out;
  out["base"] = comparison.base;
  out["complete"] = comparison.options.complete;
  out["permutations"] = comparison.options.resamples;
  out["seed"] = comparison.options.seed;
  out["runs"] = OrderedJson::array();
  for (const RunComparison& run : comparison.runs) {
    OrderedJson one;
    one["run"] = run.run;
    one["num_q"] = run.num_queries;
    one["left_out"] = run.num_left_out;
    one["measures"] = OrderedJson::object();
    for (const MeasureComparison& m : run.measures) {
      one["measures"][m.measure] = {
          {"base", Number(m.base_mean)},
          {"run", Number(m.run_mean)},
          {"difference", Number(m.run_mean - m.base_mean)},
          {"wins", m.wins},
          {"ties", m.ties},
          {"losses", m.losses},
          {"t_test", TestJson(m.t_test)},
          {"wilcoxon", TestJson(m.wilcoxon)},
          {"randomisation", TestJson(m.randomisation)},
          {"gained", QueriesJson(Gained(m, comparison.options.num_extremes))},
          {"lost", QueriesJson(Lost(m, comparison.options.num_extremes))}};
    }
    out["runs"].push_back(std::move(one));
  }
  return out;
}

}  // namespace dear::app
