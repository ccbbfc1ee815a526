#include <algorithm>
#include <cmath>

#include "eval/fact_summary.h"
#include "eval/report.h"
#include "eval/report_text.h"
#include "eval/trec_format.h"

namespace dear::eval {
namespace {

using Row = std::vector<std::string>;

// Columns as wide as a terminal would show them; ids outside of ASCII count a column a character.
size_t Width(const std::string& text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// A table that is aligned as text too; the first column to the left, the others to the right.
std::string Table(const std::vector<Row>& rows) {
  std::vector<size_t> widths(rows.front().size(), 3);
  for (const Row& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], Width(row[c]));
  }
  std::string out;
  for (size_t r = 0; r < rows.size(); ++r) {
    out += "|";
    for (size_t c = 0; c < widths.size(); ++c) {
      const std::string fill(widths[c] - Width(rows[r][c]), ' ');
      out += " " + (c == 0 ? rows[r][c] + fill : fill + rows[r][c]) + " |";
    }
    out += "\n";
    if (r > 0) continue;
    out += "|";
    for (size_t c = 0; c < widths.size(); ++c)
      out +=
          c == 0 ? std::string(widths[c] + 2, '-') + "|" : std::string(widths[c] + 1, '-') + ":|";
    out += "\n";
  }
  return out + "\n";
}

std::string Stars(size_t count, size_t most) {
  constexpr size_t kLongest = 40;
  std::string out;
  for (size_t i = 0; i < (count * kLongest + most - 1) / std::max<size_t>(most, 1); ++i) out += "█";
  return out;
}

// How many queries gained or lost how much, as text.
std::string DifferenceHistogram(const MeasureComparison& comparison) {
  constexpr int kBins = 11;  // an odd number: the middle one holds the ties
  double widest = 0;
  for (const QueryDifference& q : comparison.differences) {
    if (std::isfinite(q.difference())) widest = std::max(widest, std::abs(q.difference()));
  }
  if (widest < 1e-9) return "";
  const double step = 2 * widest / kBins;
  std::vector<size_t> counts(kBins);
  for (const QueryDifference& q : comparison.differences) {
    if (!std::isfinite(q.difference())) continue;
    const auto bin = static_cast<int>((q.difference() + widest) / step);
    ++counts[static_cast<size_t>(std::clamp(bin, 0, kBins - 1))];
  }
  const size_t most = *std::ranges::max_element(counts);
  std::string out = "```\n";
  for (int bin = kBins - 1; bin >= 0; --bin) {
    const size_t count = counts[static_cast<size_t>(bin)];
    const std::string low = Signed(-widest + bin * step, 3);
    const std::string high = Signed(-widest + (bin + 1) * step, 3);
    out += low + " to " + high + " | " + Stars(count, most) + " " + std::to_string(count) + "\n";
  }
  return out + "```\n\n";
}

class Writer {
 public:
  explicit Writer(const ReportInput& input) : in_(input), columns_(FigureColumns(input.measures)) {}

  std::string Render() {
    out_ = "# Evaluation\n\n" + MarkdownEscaped(in_.qrels);
    for (const std::string& condition : in_.conditions) out_ += ", " + MarkdownEscaped(condition);
    out_ += "\n\n## Measures\n\n";
    Measures();
    if (in_.comparison) {
      for (size_t i = 0; i < in_.comparison->runs.size(); ++i) OneComparison(i);
    }
    for (size_t r = 0; r < in_.evaluations.size(); ++r) Facts(r);
    out_ += "---\n\n";
    for (const std::string& note : Footnotes(in_)) out_ += "- " + note + "\n";
    return std::move(out_);
  }

 private:
  std::string Figure(size_t run, size_t column) const {
    const double value = in_.evaluations[run].summary[column];
    if (!std::isfinite(value)) return "n/a";
    return FormatValue(value, in_.measures.columns()[column].info->value) +
           MarkFor(in_, run, column);
  }

  void Measures() {
    std::vector<Row> rows(1);
    constexpr size_t kMostColumnsAcross = 6;
    if (columns_.size() <= kMostColumnsAcross) {
      rows[0] = {"run", "queries"};
      for (const size_t c : columns_)
        rows[0].push_back(MarkdownEscaped(in_.measures.columns()[c].name));
      for (size_t r = 0; r < in_.evaluations.size(); ++r) {
        rows.push_back({MarkdownEscaped(in_.names[r]) + (in_.comparison && r == 0 ? " (base)" : ""),
                        std::to_string(in_.evaluations[r].num_queries)});
        for (const size_t c : columns_) rows.back().push_back(Figure(r, c));
      }
    } else {
      rows[0] = {"measure"};
      for (const std::string& name : in_.names) rows[0].push_back(MarkdownEscaped(name));
      for (const size_t c : columns_) {
        rows.push_back({MarkdownEscaped(in_.measures.columns()[c].name)});
        for (size_t r = 0; r < in_.evaluations.size(); ++r) rows.back().push_back(Figure(r, c));
      }
    }
    out_ += Table(rows);
  }

  static std::string Tested(const TestedP& test) {
    return PValue(test.p) + " (" + PValue(test.corrected) + ")";
  }

  void OneComparison(size_t index) {
    const RunComparison& run = in_.comparison->runs[index];
    out_ += "## " + MarkdownEscaped(in_.names[index + 1]) + " against " +
            MarkdownEscaped(in_.names[0]) + "\n\n" + Counted(run.num_queries, "query", "queries") +
            " compared";
    if (run.num_left_out > 0)
      out_ += ", " + std::to_string(run.num_left_out) + " in one of the two only and left out";
    out_ += ".\n\n";
    std::vector<Row> rows = {{"measure", "base", "run", "difference", "wins/ties/losses", "t-test",
                              "Wilcoxon", "randomisation"}};
    for (const MeasureComparison& m : run.measures) {
      rows.push_back(
          {MarkdownEscaped(m.measure), Decimals(m.base_mean, 4), Decimals(m.run_mean, 4),
           Signed(m.run_mean - m.base_mean, 4) + SignificanceMark(m.t_test.corrected),
           std::to_string(m.wins) + "/" + std::to_string(m.ties) + "/" + std::to_string(m.losses),
           Tested(m.t_test), Tested(m.wilcoxon), Tested(m.randomisation)});
    }
    out_ += Table(rows);
    const MeasureComparison& first = FocusOf(in_, run);
    out_ += "### " + MarkdownEscaped(first.measure) + ", query by query\n\n" +
            DifferenceHistogram(first);
    Extremes("Gained most", Gained(first, in_.comparison->options.num_extremes));
    Extremes("Lost most", Lost(first, in_.comparison->options.num_extremes));
  }

  void Extremes(const std::string& title, const std::vector<QueryDifference>& list) {
    if (list.empty()) return;
    out_ += title + "\n\n";
    std::vector<Row> rows = {{"query", "base", "run", "difference"}};
    for (const QueryDifference& query : list) {
      rows.push_back({MarkdownEscaped(query.qid), Decimals(query.base, 4), Decimals(query.run, 4),
                      Signed(query.difference(), 4)});
    }
    out_ += Table(rows);
  }

  void Facts(size_t run) {
    const FactSummary facts(in_.evaluations[run].facts);
    if (facts.empty()) return;
    out_ += "## How " + MarkdownEscaped(in_.names[run]) + " was made\n\n";
    if (facts.num_repairs_told > 0) {
      std::vector<Row> rows = {{"answers", "queries", "share"}};
      for (const auto& [name, count] : facts.repairs) {
        rows.push_back({MarkdownEscaped(name), std::to_string(count),
                        Decimals(100.0 * static_cast<double>(count) /
                                     static_cast<double>(facts.num_repairs_told),
                                 1) +
                            " %"});
      }
      out_ += Table(rows);
    }
    if (facts.seconds.empty()) return;
    const auto n = static_cast<double>(facts.seconds.size());
    out_ += Table({{"time a query", "median", "mean", "90 %", "95 %", "99 %", "slowest", "sum"},
                   {"", Seconds(Quantile(facts.seconds, .5)), Seconds(facts.total_seconds / n),
                    Seconds(Quantile(facts.seconds, .9)), Seconds(Quantile(facts.seconds, .95)),
                    Seconds(Quantile(facts.seconds, .99)), Seconds(facts.seconds.back()),
                    Seconds(facts.total_seconds)}});
  }

  const ReportInput& in_;
  std::vector<size_t> columns_;
  std::string out_;
};

}  // namespace

std::string MarkdownReport(const ReportInput& input) {
  return Writer(input).Render();
}

}  // namespace dear::eval
