#include "train/loss_curve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/mapped_file.h"

namespace dear {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// The d of the first path of a class.
std::string PathOf(const std::string& svg, const std::string& style) {
  const size_t path = svg.find("<path class=\"" + style + "\"");
  if (path == std::string::npos) return "";
  const size_t begin = svg.find(" d=\"", path) + 4;
  return svg.substr(begin, svg.find('"', begin) - begin);
}

Curve Falling(int64_t count, bool smoothed = true) {
  Curve curve{.name = "loss", .points = {}, .smoothed = smoothed};
  for (int64_t i = 1; i <= count; ++i) {
    curve.points.push_back({i, 1 + 1 / static_cast<double>(i) + (i % 2 == 0 ? .1 : 0)});
  }
  return curve;
}

CurvePlot Plot(std::vector<Curve> curves) {
  return {.title = "training", .value_name = "loss", .curves = std::move(curves)};
}

// The figures are LLaMA-Factory's smooth() of the same values.
TEST(SmoothedValuesTest, IsLlamaFactorys) {
  EXPECT_TRUE(SmoothedValues({}).empty());
  EXPECT_THAT(SmoothedValues(std::vector<double>{3}), ElementsAre(3));
  const std::vector<double> smooth = SmoothedValues(std::vector<double>{1, 2, 4, 8});
  const std::vector<double> expected = {1.0, 1.9102988048375396, 3.8125513052615054,
                                        7.624380847400473};
  for (size_t i = 0; i < smooth.size(); ++i) EXPECT_NEAR(smooth[i], expected[i], 1e-15);
}

TEST(SmoothedValuesTest, ALongSeriesIsSmoothedMore) {
  std::vector<double> values(500);
  values[499] = 1;
  EXPECT_NEAR(SmoothedValues(values).back(), .1, 1e-8);
  values.resize(501);
  EXPECT_NEAR(SmoothedValues(values)[499], .1, 1e-3);
  values.resize(5000);
  EXPECT_NEAR(SmoothedValues(values)[499], .01, 1e-12);
}

TEST(CurveSvgTest, DrawsRawAndSmoothLinesAndALegend) {
  const std::string svg = CurveSvg(Plot({Falling(20)}));
  EXPECT_TRUE(svg.starts_with("<svg "));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_EQ(Count(svg, "<path "), 2);
  EXPECT_EQ(Count(PathOf(svg, "raw"), "L"), 19);
  EXPECT_EQ(Count(PathOf(svg, "line"), "L"), 19);
  EXPECT_THAT(svg, HasSubstr(">loss</text>"));
  EXPECT_THAT(svg, HasSubstr(">loss, smoothed</text>"));
  EXPECT_THAT(svg, HasSubstr(">step</text>"));
}

TEST(CurveSvgTest, FewPointsAreALineWithDots) {
  const std::string svg = CurveSvg(Plot({Falling(4)}));
  EXPECT_EQ(PathOf(svg, "raw"), "");
  EXPECT_EQ(Count(PathOf(svg, "line"), "L"), 3);
  EXPECT_EQ(Count(svg, "<circle "), 5);  // the last has one more, with its value
  EXPECT_THAT(svg, HasSubstr(">1.350</text>"));
}

TEST(CurveSvgTest, OnePointAndAConstantHaveAPlace) {
  const std::string one = CurveSvg(Plot({{.name = "loss", .points = {{40, .4213}}}}));
  EXPECT_EQ(Count(one, "<path "), 0);
  EXPECT_THAT(one, HasSubstr(">0.4213</text>"));
  Curve constant = Falling(10);
  for (CurvePoint& point : constant.points) point.value = 2;
  for (const std::string& svg : {one, CurveSvg(Plot({constant}))}) {
    EXPECT_THAT(svg, Not(HasSubstr("nan")));
    EXPECT_THAT(svg, Not(HasSubstr("inf")));
  }
}

TEST(CurveSvgTest, LeavesOutWhatIsNoNumberAndSaysSo) {
  Curve curve = Falling(20);
  curve.points[3].value = kNan;
  curve.points[4].value = std::numeric_limits<double>::infinity();
  curve.points[19].value = -std::numeric_limits<double>::infinity();
  const std::string svg = CurveSvg(Plot({curve}));
  EXPECT_EQ(Count(PathOf(svg, "raw"), "L"), 16);
  EXPECT_THAT(svg, HasSubstr("3 values are no number"));
  EXPECT_THAT(CurveSvg(Plot({Falling(20)})), Not(HasSubstr("no number")));
}

TEST(CurveSvgTest, NothingToDrawIsSaid) {
  EXPECT_THAT(CurveSvg(Plot({})), HasSubstr("no figures yet"));
  EXPECT_THAT(CurveSvg(Plot({{.name = "loss", .points = {{1, kNan}}}})),
              HasSubstr("no figures yet"));
}

TEST(CurveSvgTest, HugeRangesAreLogarithmic) {
  Curve curve = Falling(50);
  curve.points[0].value = 1e9;
  const std::string svg = CurveSvg(Plot({curve}));
  EXPECT_THAT(svg, HasSubstr("loss (logarithmic)"));
  curve.points[1].value = -1;
  EXPECT_THAT(CurveSvg(Plot({curve})), Not(HasSubstr("logarithmic")));
}

TEST(CurveSvgTest, ALongSeriesKeepsItsExtremesAndASmallFile) {
  Curve curve = Falling(200000);
  curve.points[123456].value = 3;
  const std::string svg = CurveSvg(Plot({curve}));
  EXPECT_LT(svg.size(), 200000);
  curve.points[123456].value = 1;
  EXPECT_NE(svg, CurveSvg(Plot({curve})));
}

TEST(CurveSvgTest, EscapesNames) {
  CurvePlot plot = Plot({Falling(3)});
  plot.title = "</svg><script> & \"x\"";
  plot.curves[0].name = "<loss>";
  const std::string svg = CurveSvg(plot);
  EXPECT_EQ(Count(svg, "</svg>"), 1);
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_THAT(svg, HasSubstr("&lt;loss&gt;"));
}

TEST(WriteCurvesTest, WritesAFileForEachFigure) {
  const fs::path folder = fs::path(::testing::TempDir()) / "dear_loss_curve_test";
  fs::remove_all(folder);
  fs::create_directories(folder);
  std::vector<LogEntry> entries;
  for (int64_t step = 1; step <= 10; ++step) {
    LogEntry entry{.step = step, .total_steps = 10};
    entry.loss = 2.0 / static_cast<double>(step);
    entries.push_back(entry);
  }
  LogEntry evaluation{.step = 10, .total_steps = 10};
  evaluation.eval_loss = .3;
  evaluation.evaluations = {{"eval_ndcg@10", .7}, {"eval_none", kNan}, {"eval_/../x", .5}};
  entries.push_back(evaluation);
  EXPECT_THAT(WriteCurves(folder, "mine", entries),
              ElementsAre(folder / "training_loss.svg", folder / "training_eval__.._x.svg",
                          folder / "training_eval_loss.svg", folder / "training_eval_ndcg_10.svg"));
  const std::string svg = ReadFile(folder / "training_loss.svg");
  EXPECT_THAT(svg, HasSubstr("training loss of mine"));
  EXPECT_THAT(svg, HasSubstr(">eval_loss</text>"));
  EXPECT_TRUE(WriteCurves(folder, "mine", {}).empty());
  fs::remove_all(folder);
}

}  // namespace
}  // namespace dear
