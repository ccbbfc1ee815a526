#include <algorithm>
#include <cmath>

#include "eval/fact_summary.h"
#include "eval/report.h"
#include "eval/report_style.h"
#include "eval/report_svg.h"
#include "eval/report_text.h"
#include "eval/trec_format.h"

namespace dear::eval {
namespace {

constexpr size_t kMostAcross = 5;  // measures beside each other before they go downward
constexpr std::string_view kName = " class=\"name\"";
constexpr size_t kMostPlots = 12;  // measures drawn for one run

std::string Label(const std::string& label) {
  return " data-label=\"" + label + "\"";
}

std::string Cell(const std::string& html, std::string_view attributes = "") {
  return "<td" + std::string(attributes) + ">" + html + "</td>";
}

// A table; one of the kind "stack" becomes a list of cards on narrow screens, where each cell is
// named by its label.
std::string Table(const std::string& head, const std::string& body, std::string_view kind = "") {
  return "<div class=\"scroll\"><table class=\"" + std::string(kind) + "\"><thead><tr>" + head +
         "</tr></thead><tbody>" + body + "</tbody></table></div>\n";
}

class Page {
 public:
  explicit Page(const ReportInput& input) : in_(input), columns_(FigureColumns(input.measures)) {}

  std::string Render() {
    out_ =
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
        "<title>Evaluation on " +
        HtmlEscaped(in_.qrels) + "</title>\n<style>" + std::string(kReportStyle) +
        "</style>\n</head>\n<body>\n<main>\n";
    Head();
    Measures();
    if (in_.comparison) {
      for (size_t i = 0; i < in_.comparison->runs.size(); ++i) OneComparison(i);
    } else {
      Values();
    }
    Facts();
    Foot();
    out_ += "</main>\n</body>\n</html>\n";
    return std::move(out_);
  }

 private:
  void Head() {
    out_ += "<h1>Evaluation</h1>\n<p class=\"soft name\">" + HtmlEscaped(in_.qrels) + ", " +
            Counted(static_cast<int64_t>(in_.evaluations.size()), "run", "runs");
    for (const std::string& condition : in_.conditions) out_ += ", " + HtmlEscaped(condition);
    out_ += "</p>\n";
  }

  bool IsBest(size_t run, size_t column) const {
    const double mine = in_.evaluations[run].summary[column];
    return in_.evaluations.size() > 1 &&
           in_.measures.columns()[column].info->value == ValueKind::kReal &&
           std::ranges::all_of(in_.evaluations, [&](const Evaluation& other) {
             return !(other.summary[column] > mine);
           });
  }

  std::string Figure(size_t run, size_t column) const {
    const MeasureInfo& info = *in_.measures.columns()[column].info;
    const double value = in_.evaluations[run].summary[column];
    std::string text = std::isfinite(value) ? FormatValue(value, info.value) : "n/a";
    if (const std::string mark = MarkFor(in_, run, column); !mark.empty())
      text += "<sup>" + mark + "</sup>";
    const bool within_one = value >= 0 && value <= 1 && info.value == ValueKind::kReal;
    if (within_one) {
      text +=
          "<span class=\"bar\"><i style=\"width:" + Decimals(value * 100, 1) + "%\"></i></span>";
    }
    return Cell("<span>" + text + "</span>",
                Label(HtmlEscaped(in_.measures.columns()[column].name)) +
                    (IsBest(run, column) ? " class=\"best\"" : ""));
  }

  std::string RunName(size_t run) const {
    const bool base = in_.comparison && run == 0;
    return HtmlEscaped(in_.names[run]) + (base ? " <span class=\"soft\">(base)</span>" : "");
  }

  void Measures() {
    out_ += "<h2>Measures</h2>\n";
    const auto name = [&](size_t c) { return HtmlEscaped(in_.measures.columns()[c].name); };
    std::string head;
    std::string body;
    if (columns_.size() <= kMostAcross) {
      head = "<th>run</th><th>queries</th>";
      for (const size_t c : columns_) head += "<th>" + name(c) + "</th>";
      for (size_t r = 0; r < in_.evaluations.size(); ++r) {
        body += "<tr>" + Cell(RunName(r), kName) +
                Cell(std::to_string(in_.evaluations[r].num_queries), Label("queries"));
        for (const size_t c : columns_) body += Figure(r, c);
        body += "</tr>";
      }
    } else {
      head = "<th>measure</th>";
      for (size_t r = 0; r < in_.evaluations.size(); ++r)
        head += "<th class=\"name\">" + RunName(r) + "</th>";
      for (const size_t c : columns_) {
        body += "<tr>" + Cell(name(c));
        for (size_t r = 0; r < in_.evaluations.size(); ++r) body += Figure(r, c);
        body += "</tr>";
      }
    }
    out_ += Table(head, body, columns_.size() <= kMostAcross ? "stack" : "");
    for (size_t r = 0; r < in_.evaluations.size(); ++r) {
      const size_t missing = in_.evaluations[r].missing.size();
      if (missing == 0) continue;
      out_ += "<p class=\"soft\">" + HtmlEscaped(in_.names[r]) + " lacks " +
              Counted(static_cast<int64_t>(missing), "judged query", "judged queries") + ".</p>\n";
    }
  }

  static std::string Tested(const TestedP& test, const char* name) {
    return Cell("<span>" + PValue(test.p) + "<small>" + PValue(test.corrected) + "</small></span>",
                Label(name));
  }

  void OneComparison(size_t index) {
    const RunComparison& run = in_.comparison->runs[index];
    out_ += "<h2>" + HtmlEscaped(in_.names[index + 1]) + " against " + HtmlEscaped(in_.names[0]) +
            "</h2>\n<p class=\"soft\">" + Counted(run.num_queries, "query", "queries") +
            " compared";
    if (run.num_left_out > 0)
      out_ += ", " + std::to_string(run.num_left_out) + " in one of the two only and left out";
    out_ += ".</p>\n";
    std::string body;
    for (const MeasureComparison& m : run.measures) {
      const double difference = m.run_mean - m.base_mean;
      body += "<tr>" + Cell(HtmlEscaped(m.measure)) +
              Cell(Decimals(m.base_mean, 4), Label("base")) +
              Cell(Decimals(m.run_mean, 4), Label("run")) +
              Cell("<span>" + Signed(difference, 4) + "<sup>" +
                       SignificanceMark(m.t_test.corrected) + "</sup></span>",
                   Label("difference") + (difference < 0 ? " class=\"loss\"" : " class=\"gain\"")) +
              Cell(std::to_string(m.wins) + " / " + std::to_string(m.ties) + " / " +
                       std::to_string(m.losses),
                   Label("wins / ties / losses")) +
              Tested(m.t_test, "t-test") + Tested(m.wilcoxon, "Wilcoxon") +
              Tested(m.randomisation, "randomisation") + "</tr>";
    }
    out_ += Table(
        "<th>measure</th><th>base</th><th>run</th><th>difference</th>"
        "<th>wins / ties / losses</th><th>t-test</th><th>Wilcoxon</th>"
        "<th>randomisation</th>",
        body, "stack");
    for (size_t i = 0; i < run.measures.size() && i < kMostPlots; ++i) {
      const MeasureComparison& m = run.measures[i];
      out_ += "<details" + std::string(&m == &FocusOf(in_, run) ? " open" : "") + "><summary>" +
              HtmlEscaped(m.measure) + ", query by query</summary><div>" + DifferencePlot(m) +
              "<div class=\"pair\">" +
              Extremes("Gained most", Gained(m, in_.comparison->options.num_extremes)) +
              Extremes("Lost most", Lost(m, in_.comparison->options.num_extremes)) +
              "</div></div></details>\n";
    }
  }

  // Whether a measure's drawing is open at first: the focus, or the first one drawn.
  bool IsFocus(size_t column, size_t drawn) const {
    const auto named = [&](size_t c) { return in_.measures.columns()[c].name == in_.focus; };
    return std::ranges::any_of(columns_, named) ? named(column) : drawn == 0;
  }

  static std::string Extremes(const std::string& title, const std::vector<QueryDifference>& list) {
    std::string out = "<div><h3>" + title + "</h3>";
    if (list.empty()) return out + "<p class=\"soft\">No query.</p></div>";
    std::string body;
    for (const QueryDifference& query : list) {
      body += "<tr>" + Cell(HtmlEscaped(query.qid), kName) + Cell(Decimals(query.base, 4)) +
              Cell(Decimals(query.run, 4)) +
              Cell(Signed(query.difference(), 4),
                   query.difference() < 0 ? " class=\"loss\"" : " class=\"gain\"") +
              "</tr>";
    }
    return out + Table("<th>query</th><th>base</th><th>run</th><th>difference</th>", body) +
           "</div>";
  }

  // Without a base: how each run's values spread, by its first measures.
  void Values() {
    for (size_t r = 0; r < in_.evaluations.size(); ++r) {
      const Evaluation& evaluation = in_.evaluations[r];
      out_ += "<h2>" + HtmlEscaped(in_.names[r]) + "</h2>\n";
      size_t drawn = 0;
      for (const size_t c : columns_) {
        const MeasureInfo& info = *in_.measures.columns()[c].info;
        if (info.summary != Summary::kMean || drawn == kMostPlots) continue;
        std::vector<double> values;
        for (size_t q = 0; q < evaluation.qids.size(); ++q)
          values.push_back(evaluation.Value(q, c));
        const std::string& name = in_.measures.columns()[c].name;
        out_ += "<details" + std::string(IsFocus(c, drawn++) ? " open" : "") + "><summary>" +
                HtmlEscaped(name) + ", query by query</summary><div>" + ValuePlot(values, name) +
                "</div></details>\n";
      }
    }
  }

  void Facts() {
    for (size_t r = 0; r < in_.evaluations.size(); ++r) {
      const FactSummary facts(in_.evaluations[r].facts);
      if (facts.empty()) continue;
      out_ += "<h2>How " + HtmlEscaped(in_.names[r]) + " was made</h2>\n";
      if (facts.num_repairs_told > 0) Repairs(facts);
      if (!facts.seconds.empty()) Latency(facts);
    }
  }

  void Repairs(const FactSummary& facts) {
    out_ += "<h3>Answers</h3>\n" + RepairBar(facts) + "<ul class=\"key\">";
    size_t colour = 0;
    for (const auto& [name, count] : facts.repairs) {
      const double share =
          100.0 * static_cast<double>(count) / static_cast<double>(facts.num_repairs_told);
      out_ += "<li><i class=\"" +
              (name == "ok" ? std::string("part-ok") : "part-" + std::to_string(colour++ % 4)) +
              "\"></i>" + HtmlEscaped(name) + " " + std::to_string(count) +
              " <span class=\"soft\">" + Decimals(share, 1) + " %</span></li>";
    }
    out_ += "</ul>\n";
  }

  void Latency(const FactSummary& facts) {
    const auto n = static_cast<double>(facts.seconds.size());
    out_ += "<h3>Time a query</h3>\n" + LatencyPlot(facts) + "<ul class=\"key\">";
    const auto add = [&](const char* name, double seconds) {
      out_ +=
          "<li><span class=\"soft\">" + std::string(name) + "</span> " + Seconds(seconds) + "</li>";
    };
    add("median", Quantile(facts.seconds, .5));
    add("mean", facts.total_seconds / n);
    add("90 %", Quantile(facts.seconds, .9));
    add("95 %", Quantile(facts.seconds, .95));
    add("99 %", Quantile(facts.seconds, .99));
    add("slowest", facts.seconds.back());
    add("all together", facts.total_seconds);
    out_ += "</ul>\n";
  }

  void Foot() {
    out_ += "<footer>\n";
    for (const std::string& note : Footnotes(in_)) out_ += "<p>" + HtmlEscaped(note) + "</p>\n";
    out_ += "</footer>\n";
  }

  const ReportInput& in_;
  std::vector<size_t> columns_;
  std::string out_;
};

}  // namespace

std::string HtmlReport(const ReportInput& input) {
  return Page(input).Render();
}

}  // namespace dear::eval
