#include "eval_output.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "eval/trec_format.h"

namespace dear::app {
namespace {

using eval::Evaluation;
using eval::MeasureSet;
using eval::Summary;
using eval::ValueKind;

// The columns that have a figure for all queries.
std::vector<size_t> SummaryColumns(const MeasureSet& measures) {
  std::vector<size_t> columns;
  for (size_t c = 0; c < measures.columns().size(); ++c) {
    if (measures.columns()[c].info->value != ValueKind::kText) columns.push_back(c);
  }
  return columns;
}

bool IsBest(const std::vector<Evaluation>& evaluations, const MeasureSet& measures, size_t run,
            size_t column) {
  if (evaluations.size() < 2 || measures.columns()[column].info->value != ValueKind::kReal)
    return false;
  return std::ranges::all_of(evaluations, [&](const Evaluation& other) {
    return !(other.summary[column] > evaluations[run].summary[column]);
  });
}

// JSON has no NaN.
OrderedJson Number(double value, ValueKind kind) {
  if (!std::isfinite(value)) return nullptr;
  if (kind == ValueKind::kInteger) return static_cast<int64_t>(value);
  return value;
}

}  // namespace

std::vector<std::string> RunNames(const std::vector<Evaluation>& evaluations) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const Evaluation& evaluation : evaluations) {
    names.push_back(std::filesystem::path(evaluation.run).filename().string());
    seen.insert(names.back());
  }
  if (seen.size() == names.size()) return names;
  std::ranges::transform(evaluations, names.begin(), &Evaluation::run);
  return names;
}

std::string EvaluationTable(const std::vector<Evaluation>& evaluations, const MeasureSet& measures,
                            const Terminal& terminal) {
  const std::vector<size_t> columns = SummaryColumns(measures);
  const std::vector<std::string> names = RunNames(evaluations);
  // Runs as rows read best; a long list of measures goes downward instead.
  constexpr size_t kMostAcross = 8;
  const bool runs_down = columns.size() <= kMostAcross || columns.size() <= names.size();
  const size_t rows = runs_down ? names.size() : columns.size();
  const size_t across = runs_down ? columns.size() : names.size();
  const auto column_name = [&](size_t i) { return measures.columns()[columns[i]].name; };

  std::vector<std::vector<std::string>> cells(rows + 1);
  std::vector<std::vector<bool>> best(rows + 1, std::vector<bool>(across + 1));
  cells[0].emplace_back(runs_down ? "run" : "measure");
  for (size_t a = 0; a < across; ++a) cells[0].push_back(runs_down ? column_name(a) : names[a]);
  for (size_t r = 0; r < rows; ++r) {
    cells[r + 1].push_back(runs_down ? names[r] : column_name(r));
    for (size_t a = 0; a < across; ++a) {
      const size_t run = runs_down ? r : a;
      const size_t column = columns[runs_down ? a : r];
      cells[r + 1].push_back(eval::FormatValue(evaluations[run].summary[column],
                                               measures.columns()[column].info->value));
      best[r + 1][a + 1] = IsBest(evaluations, measures, run, column);
    }
  }
  std::vector<int> widths(across + 1);
  for (const auto& row : cells) {
    for (size_t a = 0; a <= across; ++a)
      widths[a] = std::max(widths[a], DisplayWidth(OneLine(row[a], 60, terminal.unicode)));
  }
  std::string out;
  for (size_t r = 0; r <= rows; ++r) {
    for (size_t a = 0; a <= across; ++a) {
      std::string cell = OneLine(cells[r][a], 60, terminal.unicode);
      cell = a == 0 ? PadRight(cell, widths[a]) : "  " + PadLeft(cell, widths[a]);
      out +=
          r == 0 ? terminal.Styled("1", cell) : (best[r][a] ? terminal.Styled("1;32", cell) : cell);
    }
    out += '\n';
  }
  return out;
}

OrderedJson EvaluationJson(const Evaluation& evaluation, const MeasureSet& measures,
                           bool per_query) {
  OrderedJson out;
  out["run"] = evaluation.run;
  out["tag"] = evaluation.tag;
  out["num_q"] = evaluation.num_queries;
  out["missing"] = evaluation.missing;
  OrderedJson summary = OrderedJson::object();
  for (const size_t c : SummaryColumns(measures))
    summary[measures.columns()[c].name] =
        Number(evaluation.summary[c], measures.columns()[c].info->value);
  out["summary"] = std::move(summary);
  if (!per_query) return out;
  OrderedJson queries = OrderedJson::object();
  for (size_t q = 0; q < evaluation.qids.size(); ++q) {
    OrderedJson values = OrderedJson::object();
    for (size_t c = 0; c < measures.columns().size(); ++c) {
      const eval::MeasureColumn& column = measures.columns()[c];
      if (!column.info->per_query) continue;
      if (column.info->value == ValueKind::kText) {
        values[column.name] = evaluation.texts[q * evaluation.num_columns + c];
      } else {
        values[column.name] = Number(evaluation.Value(q, c), column.info->value);
      }
    }
    queries[evaluation.qids[q]] = std::move(values);
  }
  out["queries"] = std::move(queries);
  return out;
}

}  // namespace dear::app
