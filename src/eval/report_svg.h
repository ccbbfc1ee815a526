#ifndef DEAR_EVAL_REPORT_SVG_H_
#define DEAR_EVAL_REPORT_SVG_H_

#include <span>
#include <string>

#include "eval/comparison.h"
#include "eval/fact_summary.h"

namespace dear::eval {

// Inline SVG drawings. They scale with the page's width and take their colours from the page's
// classes (up, down, axis, grid, ink), so that they follow light and dark.

// One bar a query, best gain on the left; the mean as a dashed line. Beyond some hundred queries
// the bars merge into an area.
std::string DifferencePlot(const MeasureComparison& comparison);

// A measure's values of all queries, sorted, with the mean. `name` labels the drawing.
std::string ValuePlot(std::span<const double> values, const std::string& name);

// How many queries took how long, on a logarithmic scale where the times lie far apart.
std::string LatencyPlot(const FactSummary& facts);

// One bar, cut into a part for each kind of repair.
std::string RepairBar(const FactSummary& facts);

}  // namespace dear::eval

#endif  // DEAR_EVAL_REPORT_SVG_H_
