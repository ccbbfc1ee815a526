#include "eval/report_svg.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "eval/report_text.h"

namespace dear::eval {
namespace {

constexpr double kWidth = 720;
constexpr double kHeight = 240;
constexpr double kLeft = 46;  // room for the numbers of the y axis
constexpr double kRight = 10;
constexpr double kTop = 12;
constexpr double kBottom = 34;  // room for the words below
constexpr size_t kMostBars = 300;

std::string Num(double value) {
  std::string out = Decimals(value, 2);
  while (out.ends_with('0')) out.pop_back();
  if (out.ends_with('.')) out.pop_back();
  return out == "-0" ? "0" : out;
}

std::string Attribute(std::string_view name, double value) {
  return " " + std::string(name) + "=\"" + Num(value) + "\"";
}

std::string Open(double height, const std::string& label) {
  return "<svg viewBox=\"0 0 " + Num(kWidth) + " " + Num(height) + "\" role=\"img\" aria-label=\"" +
         HtmlEscaped(label) + "\" xmlns=\"http://www.w3.org/2000/svg\">";
}

std::string SvgLine(double x1, double y1, double x2, double y2, std::string_view style) {
  return "<line class=\"" + std::string(style) + "\"" + Attribute("x1", x1) + Attribute("y1", y1) +
         Attribute("x2", x2) + Attribute("y2", y2) + "/>";
}

std::string Text(double x, double y, std::string_view anchor, const std::string& text) {
  return "<text" + Attribute("x", x) + Attribute("y", y) + " text-anchor=\"" + std::string(anchor) +
         "\">" + HtmlEscaped(text) + "</text>";
}

std::string Rect(double x, double y, double width, double height, std::string_view style,
                 const std::string& title) {
  std::string out = "<rect class=\"" + std::string(style) + "\"" + Attribute("x", x) +
                    Attribute("y", y) + Attribute("width", std::max(0.0, width)) +
                    Attribute("height", std::max(0.0, height));
  if (title.empty()) return out + "/>";
  return out + "><title>" + HtmlEscaped(title) + "</title></rect>";
}

// A round distance between grid lines so that about `wanted` of them fit.
double GridStep(double range, int wanted) {
  const double rough = std::max(range, 1e-9) / wanted;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (step * power >= rough) return step * power;
  }
  return 10 * power;
}

// A y axis from `low` to `high` over the drawing's height.
class Scale {
 public:
  Scale(double low, double high) : low_(low), high_(high > low ? high : low + 1) {}
  double Y(double value) const {
    const double part = (std::clamp(value, low_, high_) - low_) / (high_ - low_);
    return kHeight - kBottom - part * (kHeight - kTop - kBottom);
  }
  std::string Grid(bool sign) const {
    const double step = GridStep(high_ - low_, 5);
    const int decimals = step >= 1 ? 0 : step >= .1 ? 1 : step >= .01 ? 2 : 3;
    std::string out;
    for (double v = std::ceil(low_ / step - 1e-9) * step; v <= high_ + step * 1e-6; v += step) {
      const bool zero = std::abs(v) < step / 2;
      out += SvgLine(kLeft, Y(v), kWidth - kRight, Y(v), zero ? "axis" : "grid");
      out += Text(kLeft - 6, Y(v) + 4, "end",
                  zero   ? "0"
                  : sign ? Signed(v, decimals)
                         : Decimals(v, decimals));
    }
    return out;
  }

 private:
  double low_;
  double high_;
};

// Bars side by side over the whole width, or one path of steps where they are too many.
std::string Bars(const std::vector<double>& values, const Scale& scale,
                 const std::vector<std::string>& titles) {
  const double width = (kWidth - kLeft - kRight) / static_cast<double>(values.size());
  const double zero = scale.Y(0);
  std::string out;
  if (values.size() <= kMostBars) {
    const double gap = width > 4 ? 1 : 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const double y = scale.Y(values[i]);
      // A query without a difference keeps a hairline, so that it can be pointed at.
      const double height = std::max(std::abs(y - zero), .75);
      out += Rect(kLeft + width * static_cast<double>(i), std::min(y, zero), width - gap, height,
                  values[i] < 0 ? "down" : "up", titles[i]);
    }
    return out;
  }
  for (const bool up : {true, false}) {
    std::string path = "M" + Num(kLeft) + " " + Num(zero);
    double last = zero;
    for (size_t i = 0; i < values.size(); ++i) {
      const double y = (values[i] > 0) == up ? scale.Y(values[i]) : zero;
      if (std::abs(y - last) < .05) continue;
      path += "H" + Num(kLeft + width * static_cast<double>(i)) + "V" + Num(y);
      last = y;
    }
    out += "<path class=\"" + std::string(up ? "up" : "down") + "\" d=\"" + path + "H" +
           Num(kWidth - kRight) + "V" + Num(zero) + "Z\"/>";
  }
  return out;
}

// Its words stand where no bars are: falling bars leave the upper right free, and the lower left.
std::string MeanLine(const Scale& scale, double mean, const std::string& text) {
  const double y = scale.Y(mean);
  return SvgLine(kLeft, y, kWidth - kRight, y, "mean") +
         (mean < 0 ? Text(kLeft + 4, y + 20, "start", text)
                   : Text(kWidth - kRight - 2, y - 6, "end", text));
}

}  // namespace

std::string DifferencePlot(const MeasureComparison& comparison) {
  std::vector<double> values;
  std::vector<std::string> titles;
  double low = 0;
  double high = 0;
  for (const QueryDifference& query : comparison.differences) {
    const double d = std::isfinite(query.difference()) ? query.difference() : 0;
    values.push_back(d);
    titles.push_back(query.qid + ": " + Decimals(query.base, 4) + " → " + Decimals(query.run, 4) +
                     " (" + Signed(d, 4) + ")");
    low = std::min(low, d);
    high = std::max(high, d);
  }
  if (high - low < 1e-9) high = 1;
  const double margin = (high - low) * .05;
  const Scale scale(low < 0 ? low - margin : 0, high > 0 ? high + margin : 0);
  const double mean = comparison.run_mean - comparison.base_mean;
  return Open(kHeight, comparison.measure + ": difference of each query to the base") +
         scale.Grid(true) + Bars(values, scale, titles) +
         MeanLine(scale, mean, "mean " + Signed(mean, 4)) +
         Text(kLeft, kHeight - 8, "start", "better") +
         Text((kLeft + kWidth - kRight) / 2, kHeight - 8, "middle",
              Counted(static_cast<int64_t>(values.size()), "query", "queries") +
                  ", best gain first") +
         Text(kWidth - kRight, kHeight - 8, "end", "worse") + "</svg>";
}

std::string ValuePlot(std::span<const double> values, const std::string& name) {
  std::vector<double> sorted;
  std::ranges::copy_if(values, std::back_inserter(sorted),
                       [](double v) { return std::isfinite(v); });
  if (sorted.empty()) return "";
  std::ranges::sort(sorted, std::ranges::greater{});
  std::vector<std::string> titles;
  titles.reserve(sorted.size());
  for (const double value : sorted) titles.push_back(Decimals(value, 4));
  const Scale scale(std::min(0.0, sorted.back()), std::max(1.0, sorted.front()));
  const double mean =
      std::accumulate(sorted.begin(), sorted.end(), 0.0) / static_cast<double>(sorted.size());
  return Open(kHeight, name + " of each query") + scale.Grid(false) + Bars(sorted, scale, titles) +
         MeanLine(scale, mean, "mean " + Decimals(mean, 4)) +
         Text((kLeft + kWidth - kRight) / 2, kHeight - 8, "middle",
              Counted(static_cast<int64_t>(sorted.size()), "query", "queries") + ", best first") +
         "</svg>";
}

std::string LatencyPlot(const FactSummary& facts) {
  if (facts.seconds.empty()) return "";
  constexpr double kShortest = 1e-6;
  const double low = std::max(facts.seconds.front(), kShortest);
  const double high = std::max(facts.seconds.back(), low);
  const bool logarithmic = high / low > 20;
  const auto place = [&](double s) {
    if (high <= low) return .5;
    s = std::clamp(s, low, high);
    return logarithmic ? std::log(s / low) / std::log(high / low) : (s - low) / (high - low);
  };
  // More queries bear finer bins.
  const size_t num_bins =
      std::clamp(static_cast<size_t>(2 * std::sqrt(static_cast<double>(facts.seconds.size()))),
                 size_t{8}, size_t{60});
  std::vector<int64_t> counts(num_bins);
  for (const double s : facts.seconds)
    ++counts[std::min(num_bins - 1, static_cast<size_t>(place(s) * static_cast<double>(num_bins)))];
  const Scale scale(0, static_cast<double>(*std::ranges::max_element(counts)) * 1.12);
  const double width = (kWidth - kLeft - kRight) / static_cast<double>(num_bins);
  const auto x = [&](double s) { return kLeft + place(s) * (kWidth - kLeft - kRight); };
  std::string out = Open(kHeight, "seconds a query") + scale.Grid(false);
  for (size_t bin = 0; bin < num_bins; ++bin) {
    if (counts[bin] == 0) continue;
    const double y = scale.Y(static_cast<double>(counts[bin]));
    out += Rect(kLeft + width * static_cast<double>(bin), y, width - 1, scale.Y(0) - y, "up",
                Counted(counts[bin], "query", "queries"));
  }
  const double median = Quantile(facts.seconds, .5);
  const double slow = Quantile(facts.seconds, .95);
  for (const auto& [value, name] : {std::pair(median, "median "), std::pair(slow, "95 % ")}) {
    out += SvgLine(x(value), kTop, x(value), kHeight - kBottom, "mean");
    const bool right_half = x(value) > kWidth * .75;
    out += Text(x(value) + (right_half ? -4 : 4), kTop + (value == median ? 10 : 24),
                right_half ? "end" : "start", name + Seconds(value));
  }
  return out + Text(kLeft, kHeight - 8, "start", Seconds(facts.seconds.front())) +
         Text((kLeft + kWidth - kRight) / 2, kHeight - 8, "middle",
              std::string("time of a query") + (logarithmic ? ", logarithmic" : "")) +
         Text(kWidth - kRight, kHeight - 8, "end", Seconds(facts.seconds.back())) + "</svg>";
}

std::string RepairBar(const FactSummary& facts) {
  if (facts.num_repairs_told == 0) return "";
  constexpr double kBarHeight = 26;
  std::string out = Open(kBarHeight, "how answers were repaired");
  double x = 0;
  size_t colour = 0;
  for (const auto& [name, count] : facts.repairs) {
    const double width =
        kWidth * static_cast<double>(count) / static_cast<double>(facts.num_repairs_told);
    const std::string style = name == "ok" ? "part-ok" : "part-" + std::to_string(colour++ % 4);
    out += Rect(x, 0, width, kBarHeight, style, name + ": " + std::to_string(count));
    x += width;
  }
  return out + "</svg>";
}

}  // namespace dear::eval
