#include "eval/report_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace dear::eval {
namespace {

// The length of the well-formed UTF-8 character at the start, 0 where there is none.
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
      (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F))
    return 0;
  return length;
}

// Copies text character by character; `replace` gives what stands for an ASCII character, or
// nullptr where it stays.
template <typename ReplaceFn>
std::string Escaped(std::string_view text, const ReplaceFn& replace) {
  std::string out;
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const char c = text.front();
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (length == 0 || control) {
      out += "\xEF\xBF\xBD";
    } else if (const char* other = length == 1 ? replace(c) : nullptr; other != nullptr) {
      out += other;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

}  // namespace

std::string Decimals(double value, int decimals) {
  if (!std::isfinite(value)) return "n/a";
  std::array<char, 352> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

std::string Signed(double value, int decimals) {
  if (!std::isfinite(value)) return "n/a";
  const std::string digits = Decimals(std::abs(value), decimals);
  if (digits.find_first_not_of("0.") == std::string::npos) return "±" + digits;
  return (value < 0 ? "−" : "+") + digits;
}

std::string PValue(double p) {
  if (!std::isfinite(p)) return "n/a";
  return p < .0001 ? "<0.0001" : Decimals(p, 4);
}

std::string Seconds(double seconds) {
  if (seconds < .001) return Decimals(seconds * 1e6, 0) + " µs";
  if (seconds < 1) return Decimals(seconds * 1e3, seconds < .01 ? 1 : 0) + " ms";
  if (seconds < 120) return Decimals(seconds, seconds < 10 ? 2 : 1) + " s";
  if (seconds < 7200) return Decimals(seconds / 60, 1) + " min";
  return Decimals(seconds / 3600, 1) + " h";
}

std::string Counted(int64_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

std::vector<size_t> FigureColumns(const MeasureSet& measures) {
  std::vector<size_t> columns;
  for (size_t c = 0; c < measures.columns().size(); ++c) {
    if (measures.columns()[c].info->value != ValueKind::kText) columns.push_back(c);
  }
  return columns;
}

const MeasureComparison& FocusOf(const ReportInput& input, const RunComparison& run) {
  const auto found = std::ranges::find(run.measures, input.focus, &MeasureComparison::measure);
  return found != run.measures.end() ? *found : run.measures.front();
}

std::string MarkFor(const ReportInput& input, size_t run, size_t column) {
  if (!input.comparison || run == 0) return "";
  for (const MeasureComparison& measure : input.comparison->runs[run - 1].measures) {
    if (measure.column == column) return SignificanceMark(measure.t_test.corrected);
  }
  return "";
}

std::string HtmlEscaped(std::string_view text) {
  return Escaped(text, [](char c) -> const char* {
    switch (c) {
      case '&': return "&amp;";
      case '<': return "&lt;";
      case '>': return "&gt;";
      case '"': return "&quot;";
      case '\'': return "&#39;";
      default: return nullptr;
    }
  });
}

std::string MarkdownEscaped(std::string_view text) {
  return Escaped(text, [](char c) -> const char* {
    switch (c) {
      case '|': return "\\|";
      case '`': return "\\`";
      case '*': return "\\*";
      case '[': return "\\[";
      case '<': return "&lt;";
      case '\\': return "\\\\";
      default: return nullptr;
    }
  });
}

std::vector<std::string> Footnotes(const ReportInput& input) {
  std::vector<std::string> notes = {
      "Figures are trec_eval 9's: ties in score are ordered by docid from last to first, and the "
      "rank column of a run is not read."};
  if (!input.comparison) return notes;
  const ComparisonOptions& options = input.comparison->options;
  notes.emplace_back(
      "Marks: * p < .05, ** p < .01, *** p < .001 against the base, by the paired t-test after "
      "Holm's correction over all runs and measures shown.");
  notes.push_back(
      "p-values are two-sided: paired t-test, Wilcoxon signed-rank test (zeros "
      "dropped) and randomisation test (" +
      std::to_string(options.resamples) + " sign patterns, seed " + std::to_string(options.seed) +
      "); the second figure of each is after Holm's correction.");
  notes.push_back(options.complete
                      ? "Compared on all judged queries; one that a run lacks counts as 0."
                      : "Compared on the queries that both runs retrieved; means are over these.");
  return notes;
}

}  // namespace dear::eval
