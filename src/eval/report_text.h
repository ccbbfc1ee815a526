#ifndef DEAR_EVAL_REPORT_TEXT_H_
#define DEAR_EVAL_REPORT_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "eval/report.h"

namespace dear::eval {

// What both kinds of report say in the same words.

// `value` with so many decimals; "n/a" where it is no number.
std::string Decimals(double value, int decimals);
// The same with its sign: "+0.0123", "−0.0123" (a minus sign, not a hyphen).
std::string Signed(double value, int decimals);
// A p-value: "0.0312", "<0.0001", "n/a".
std::string PValue(double p);
// Seconds as people read them: "820 ms", "3.25 s", "12.4 min".
std::string Seconds(double seconds);
// "1 query", "43 queries".
std::string Counted(int64_t count, std::string_view one, std::string_view many);

// The columns that have a real figure for all queries.
std::vector<size_t> FigureColumns(const MeasureSet& measures);
// Which of the measures of a comparison stands for it: the input's focus, or the first.
const MeasureComparison& FocusOf(const ReportInput& input, const RunComparison& run);
// "***" to "" for a run's measure by the corrected t-test; empty for the base and without one.
std::string MarkFor(const ReportInput& input, size_t run, size_t column);

// Markup characters replaced, control characters and bytes that are no UTF-8 too.
std::string HtmlEscaped(std::string_view text);
std::string MarkdownEscaped(std::string_view text);

// How the tests are to be read, one sentence each.
std::vector<std::string> Footnotes(const ReportInput& input);

}  // namespace dear::eval

#endif  // DEAR_EVAL_REPORT_TEXT_H_
