#include "eval/trec_format.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace dear::eval {
namespace {

class TrecWriter {
 public:
  TrecWriter(const Evaluation& evaluation, const MeasureSet& measures, std::string_view run)
      : evaluation_(evaluation), measures_(measures), run_(run) {}

  void Query(size_t q) {
    for (size_t c = 0; c < measures_.columns().size(); ++c) {
      const MeasureInfo& info = *measures_.columns()[c].info;
      if (!info.per_query) continue;
      Line(c, evaluation_.qids[q],
           info.value == ValueKind::kText
               ? "'" + evaluation_.texts[q * evaluation_.num_columns + c] + "'"
               : FormatValue(evaluation_.Value(q, c), info.value));
    }
  }

  void All() {
    for (size_t c = 0; c < measures_.columns().size(); ++c) {
      const MeasureInfo& info = *measures_.columns()[c].info;
      if (info.summary == Summary::kNone) continue;
      Line(c, "all",
           info.summary == Summary::kTag ? evaluation_.tag
                                         : FormatValue(evaluation_.summary[c], info.value));
    }
  }

  std::string Take() { return std::move(out_); }

 private:
  void Line(size_t column, std::string_view qid, std::string_view value) {
    constexpr size_t kNameWidth = 22;
    const std::string& name = measures_.columns()[column].name;
    out_ += name;
    if (name.size() < kNameWidth) out_.append(kNameWidth - name.size(), ' ');
    out_ += '\t';
    out_ += qid;
    out_ += '\t';
    out_ += value;
    if (!run_.empty()) {
      out_ += '\t';
      out_ += run_;
    }
    out_ += '\n';
  }

  const Evaluation& evaluation_;
  const MeasureSet& measures_;
  std::string_view run_;
  std::string out_;
};

}  // namespace

std::string FormatValue(double value, ValueKind kind) {
  if (std::isnan(value)) return "  -nan";  // 0/0 as x86 prints it
  std::array<char, 352> text{};            // a double has at most 309 digits before the point
  if (kind == ValueKind::kInteger) {
    std::snprintf(text.data(), text.size(), "%lld", static_cast<long long>(value));
  } else {
    std::snprintf(text.data(), text.size(), "%6.4f", value);
  }
  return text.data();
}

std::string FormatTrec(const Evaluation& evaluation, const MeasureSet& measures,
                       const TrecFormatOptions& options) {
  TrecWriter writer(evaluation, measures, options.run);
  if (options.per_query) {
    for (size_t q = 0; q < evaluation.qids.size(); ++q) writer.Query(q);
  }
  if (options.summary) writer.All();
  return writer.Take();
}

}  // namespace dear::eval
