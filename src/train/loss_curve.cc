#include "train/loss_curve.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "base/mapped_file.h"
#include "eval/report_text.h"
#include "train/plot_axis.h"

namespace dear {
namespace fs = std::filesystem;
namespace {

using eval::HtmlEscaped;

constexpr double kWidth = 800;
constexpr double kHeight = 450;
constexpr double kLeft = 72;    // room for the numbers of the y axis
constexpr double kRight = 76;   // room for the last values
constexpr double kTop = 84;     // room for title and legend
constexpr double kBottom = 58;  // room for the steps
constexpr double kLineHeight = 15;
constexpr size_t kMostDots = 60;
constexpr size_t kLeastSmoothed = 5;
constexpr double kManyValues = 500;
constexpr size_t kMostTitle = 84;  // characters
// Beyond it the range of an axis would overflow.
constexpr double kLargest = 1e300;

constexpr std::array<std::string_view, 5> kColours = {"#2563eb", "#d9480f", "#0b8072", "#9333ea",
                                                      "#64748b"};

constexpr std::string_view kStyle =
    "<style>text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',"
    "'DejaVu Sans',sans-serif;font-size:12px;fill:#5b6675}"
    ".title{font-size:17px;font-weight:600;fill:#1c2430}"
    ".key{fill:#1c2430}.note{font-style:italic}.last{font-weight:600}"
    ".grid{stroke:#e6e9ee;stroke-width:1}.axis{stroke:#8b95a3;stroke-width:1}"
    ".raw{fill:none;stroke-width:1;stroke-opacity:.38;stroke-linejoin:round}"
    ".line{fill:none;stroke-width:2.25;stroke-linejoin:round;stroke-linecap:round}"
    ".dot{stroke:#fff;stroke-width:1}</style>";

std::string Num(double value) {
  std::string out = eval::Decimals(value, 2);
  while (out.ends_with('0')) out.pop_back();
  if (out.ends_with('.')) out.pop_back();
  return out == "-0" ? "0" : out;
}

std::string Attribute(std::string_view name, double value) {
  return " " + std::string(name) + "=\"" + Num(value) + "\"";
}

std::string Line(double x1, double y1, double x2, double y2, std::string_view attributes) {
  return "<line" + Attribute("x1", x1) + Attribute("y1", y1) + Attribute("x2", x2) +
         Attribute("y2", y2) + " " + std::string(attributes) + "/>\n";
}

std::string Text(double x, double y, std::string_view attributes, const std::string& text) {
  return "<text" + Attribute("x", x) + Attribute("y", y) + " " + std::string(attributes) + ">" +
         HtmlEscaped(text) + "</text>\n";
}

std::string Dot(double x, double y, double radius, std::string_view colour) {
  return "<circle class=\"dot\"" + Attribute("cx", x) + Attribute("cy", y) +
         Attribute("r", radius) + " fill=\"" + std::string(colour) + "\"/>\n";
}

size_t NumCharacters(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

// Cut between characters where it is too long for its place.
std::string Shortened(const std::string& text, size_t most) {
  if (NumCharacters(text) <= most) return text;
  size_t end = 0;
  for (size_t seen = 0; end < text.size(); ++end) {
    if ((text[end] & 0xC0) != 0x80 && seen++ == most - 1) break;
  }
  return text.substr(0, end) + "…";
}

// A curve as it is drawn: finite values alone, and the line over them.
struct Drawn {
  std::string name;
  std::string_view colour;
  std::vector<CurvePoint> points;
  bool smoothed = false;
  std::vector<double> smooth;  // empty: there is none

  // On the axis's own scale: a mean of values that fall by decades follows them only late.
  void Smooth(bool logarithmic) {
    if (!smoothed || points.size() < kLeastSmoothed) return;
    for (const CurvePoint& point : points) {
      smooth.push_back(logarithmic ? std::log(point.value) : point.value);
    }
    smooth = SmoothedValues(smooth);
    if (!logarithmic) return;
    for (double& value : smooth) value = std::exp(value);
  }

  double LastValue() const { return smooth.empty() ? points.back().value : smooth.back(); }
};

Drawn MakeDrawn(const Curve& curve, std::string_view colour, size_t* num_left_out) {
  Drawn out{
      .name = curve.name, .colour = colour, .points = {}, .smoothed = curve.smoothed, .smooth = {}};
  for (const CurvePoint& point : curve.points) {
    if (std::abs(point.value) <= kLargest) {
      out.points.push_back(point);
    } else {
      ++*num_left_out;
    }
  }
  return out;
}

class Drawing {
 public:
  explicit Drawing(const CurvePlot& plot) : plot_(plot) {
    for (size_t i = 0; i < plot.curves.size(); ++i) {
      Drawn drawn = MakeDrawn(plot.curves[i], kColours[i % kColours.size()], &num_left_out_);
      if (!drawn.points.empty()) curves_.push_back(std::move(drawn));
    }
    if (!curves_.empty()) SetAxes();
    for (Drawn& curve : curves_) curve.Smooth(y_.logarithmic());
  }

  std::string Take() {
    Open();
    if (curves_.empty()) {
      out_ += Text(kWidth / 2, kHeight / 2, "text-anchor=\"middle\"", "no figures yet");
    } else {
      Axes();
      for (const Drawn& curve : curves_) Lines(curve);
      LastValues();
      Legend();
    }
    return std::move(out_) + "</svg>\n";
  }

 private:
  void SetAxes() {
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    double first = low;
    double last = high;
    for (const Drawn& curve : curves_) {
      for (const CurvePoint& point : curve.points) {
        low = std::min(low, point.value);
        high = std::max(high, point.value);
        first = std::min(first, static_cast<double>(point.step));
        last = std::max(last, static_cast<double>(point.step));
      }
    }
    x_ = PlotAxis::OfSteps(first, last);
    y_ = PlotAxis::OfValues(low, high);
  }

  double X(double step) const { return kLeft + x_.Part(step) * (kWidth - kLeft - kRight); }
  double Y(double value) const {
    return kHeight - kBottom - y_.Part(value) * (kHeight - kTop - kBottom);
  }

  void Open() {
    const std::string size = Num(kWidth) + " " + Num(kHeight);
    out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + size + "\"" +
           Attribute("width", kWidth) + Attribute("height", kHeight) +
           " role=\"img\" aria-labelledby=\"title\">\n<title id=\"title\">" +
           HtmlEscaped(plot_.title) + "</title>\n" + std::string(kStyle) +
           "\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n" +
           Text(kLeft, 34, "class=\"title\"", Shortened(plot_.title, kMostTitle));
  }

  void Axes() {
    for (const PlotAxis::Tick& tick : y_.ticks()) {
      const double y = Y(tick.value);
      out_ += Line(kLeft, y, kWidth - kRight, y, "class=\"grid\"");
      out_ += Text(kLeft - 10, y + 4, "text-anchor=\"end\"", tick.text);
    }
    const double bottom = kHeight - kBottom;
    out_ += Line(kLeft, bottom, kWidth - kRight, bottom, "class=\"axis\"");
    for (const PlotAxis::Tick& tick : x_.ticks()) {
      const double x = X(tick.value);
      out_ += Line(x, bottom, x, bottom + 5, "class=\"axis\"");
      out_ += Text(x, bottom + 20, "text-anchor=\"middle\"", tick.text);
    }
    out_ += Text((kLeft + kWidth - kRight) / 2, kHeight - 14, "text-anchor=\"middle\"", "step");
    const double middle = (kTop + bottom) / 2;
    out_ +=
        Text(18, middle, "text-anchor=\"middle\" transform=\"rotate(-90 18 " + Num(middle) + ")\"",
             plot_.value_name + (y_.logarithmic() ? " (logarithmic)" : ""));
  }

  // Of the points within one pixel's width only the first, the lowest, the highest and the last can
  // be seen.
  std::string Path(const std::vector<CurvePoint>& points) const {
    std::string path;
    double last_y = std::numeric_limits<double>::quiet_NaN();
    const auto add = [&](const CurvePoint& point) {
      const double y = Y(point.value);
      path += (path.empty() ? "M" : "L") + Num(X(static_cast<double>(point.step))) + " " + Num(y);
      last_y = y;
    };
    for (size_t begin = 0; begin < points.size();) {
      const double column = std::floor(X(static_cast<double>(points[begin].step)) * 2);
      size_t end = begin + 1;
      while (end < points.size() &&
             std::floor(X(static_cast<double>(points[end].step)) * 2) == column) {
        ++end;
      }
      const auto [low, high] = std::minmax_element(
          points.begin() + static_cast<ptrdiff_t>(begin),
          points.begin() + static_cast<ptrdiff_t>(end),
          [](const CurvePoint& a, const CurvePoint& b) { return a.value < b.value; });
      std::array<size_t, 4> seen = {begin, static_cast<size_t>(low - points.begin()),
                                    static_cast<size_t>(high - points.begin()), end - 1};
      std::ranges::sort(seen);
      for (size_t i = 0; i < seen.size(); ++i) {
        if (i == 0 || seen[i] != seen[i - 1]) add(points[seen[i]]);
      }
      begin = end;
    }
    return path;
  }

  void AddPath(const std::vector<CurvePoint>& points, std::string_view style,
               std::string_view colour) {
    if (points.size() < 2) return;
    out_ += "<path class=\"" + std::string(style) + "\" stroke=\"" + std::string(colour) +
            "\" d=\"" + Path(points) + "\"/>\n";
  }

  void Lines(const Drawn& curve) {
    if (!curve.smooth.empty()) {
      AddPath(curve.points, "raw", curve.colour);
      std::vector<CurvePoint> smooth = curve.points;
      for (size_t i = 0; i < smooth.size(); ++i) smooth[i].value = curve.smooth[i];
      return AddPath(smooth, "line", curve.colour);
    }
    AddPath(curve.points, "line", curve.colour);
    if (curve.points.size() > kMostDots) return;
    for (const CurvePoint& point : curve.points) {
      out_ += Dot(X(static_cast<double>(point.step)), Y(point.value), 3.5, curve.colour);
    }
  }

  // Each beside the end of its curve, moved apart where they would stand in each other.
  void LastValues() {
    std::vector<const Drawn*> order;
    for (const Drawn& curve : curves_) order.push_back(&curve);
    std::ranges::sort(order, {}, [&](const Drawn* curve) { return Y(curve->LastValue()); });
    double free_from = 0;
    for (const Drawn* curve : order) {
      const double x = X(static_cast<double>(curve->points.back().step));
      const double y = Y(curve->LastValue());
      out_ += Dot(x, y, 4, curve->colour);
      const double text_y = std::max(y, free_from);
      out_ += Text(x + 9, text_y + 4,
                   "class=\"last\" style=\"fill:" + std::string(curve->colour) + "\"",
                   FigureText(curve->LastValue()));
      free_from = text_y + kLineHeight;
    }
  }

  void LegendEntry(const std::string& text, std::string_view style, std::string_view colour) {
    constexpr double kY = 58;
    constexpr double kCharacter = 6.9;
    out_ += Line(legend_x_, kY - 4, legend_x_ + 22, kY - 4,
                 "class=\"" + std::string(style) + "\" stroke=\"" + std::string(colour) + "\"");
    out_ += Text(legend_x_ + 29, kY, "class=\"key\"", text);
    legend_x_ += 29 + kCharacter * static_cast<double>(NumCharacters(text)) + 22;
  }

  void Legend() {
    for (const Drawn& curve : curves_) {
      if (!curve.smooth.empty()) {
        LegendEntry(curve.name, "raw", curve.colour);
        LegendEntry(curve.name + ", smoothed", "line", curve.colour);
      } else {
        LegendEntry(curve.name, "line", curve.colour);
      }
    }
    if (num_left_out_ == 0) return;
    out_ += Text(kWidth - kRight, 58, "class=\"note\" text-anchor=\"end\"",
                 eval::Counted(static_cast<int64_t>(num_left_out_), "value is", "values are") +
                     " no number");
  }

  const CurvePlot& plot_;
  std::vector<Drawn> curves_;
  size_t num_left_out_ = 0;
  PlotAxis x_;
  PlotAxis y_;
  double legend_x_ = kLeft;
  std::string out_;
};

// A file's name made of a figure's: nothing that leads to another folder.
std::string FileName(std::string name) {
  std::ranges::replace_if(
      name,
      [](char c) {
        return !((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                 c == '.' || c == '-' || c == '_');
      },
      '_');
  return "training_" + name + ".svg";
}

bool HasFigure(const Curve& curve) {
  return std::ranges::any_of(curve.points,
                             [](const CurvePoint& p) { return std::isfinite(p.value); });
}

}  // namespace

std::vector<double> SmoothedValues(std::span<const double> values) {
  std::vector<double> out;
  out.reserve(values.size());
  const auto count = static_cast<double>(values.size());
  double weight = 1.8 * (1 / (1 + std::exp(-.05 * count)) - .5);
  if (count > kManyValues) weight = 1 - kManyValues / 10 / count;
  for (const double value : values) {
    out.push_back(out.empty() ? value : out.back() * weight + (1 - weight) * value);
  }
  return out;
}

std::string CurveSvg(const CurvePlot& plot) {
  return Drawing(plot).Take();
}

std::vector<fs::path> WriteCurves(const fs::path& output_dir, const std::string& run,
                                  std::span<const LogEntry> entries) {
  Curve loss{.name = "loss", .points = {}, .smoothed = true};
  std::map<std::string, Curve> others;
  const auto add = [&](const std::string& name, int64_t step, double value) {
    others[name].name = name;
    others[name].points.push_back({step, value});
  };
  for (const LogEntry& entry : entries) {
    if (entry.loss) loss.points.push_back({entry.step, *entry.loss});
    if (entry.eval_loss) add("eval_loss", entry.step, *entry.eval_loss);
    for (const auto& [name, value] : entry.evaluations) add(name, entry.step, value);
  }
  std::vector<fs::path> written;
  const auto write = [&](const std::string& key, CurvePlot plot) {
    if (!HasFigure(plot.curves.front())) return;
    const std::string svg = CurveSvg(plot);
    written.push_back(output_dir / FileName(key));
    WriteFileAtomically(written.back(), std::as_bytes(std::span(svg)));
  };
  CurvePlot training{.title = "training loss of " + run, .value_name = "loss", .curves = {loss}};
  if (others.contains("eval_loss")) training.curves.push_back(others["eval_loss"]);
  write("loss", training);
  for (const auto& [name, curve] : others) {
    write(name, {.title = name + " of " + run, .value_name = name, .curves = {curve}});
  }
  return written;
}

}  // namespace dear
