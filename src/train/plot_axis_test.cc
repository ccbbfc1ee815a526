#include "train/plot_axis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace dear {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Texts(const PlotAxis& axis) {
  std::vector<std::string> texts;
  for (const PlotAxis::Tick& tick : axis.ticks()) texts.push_back(tick.text);
  return texts;
}

TEST(PlotAxisTest, StepsAreWhole) {
  EXPECT_THAT(Texts(PlotAxis::OfSteps(10, 3000)),
              ElementsAre("0", "500", "1000", "1500", "2000", "2500", "3000"));
  EXPECT_THAT(Texts(PlotAxis::OfSteps(1, 3)), ElementsAre("1", "2", "3"));
  EXPECT_THAT(Texts(PlotAxis::OfSteps(7, 7)), ElementsAre("6", "7", "8"));
  EXPECT_EQ(Texts(PlotAxis::OfSteps(1, 1e6)).back(), "1\u2009000\u2009000");
}

TEST(PlotAxisTest, ValuesHaveTheDigitsThatTheyNeed) {
  EXPECT_THAT(Texts(PlotAxis::OfValues(.61, .74)),
              ElementsAre("0.62", "0.64", "0.66", "0.68", "0.70", "0.72", "0.74"));
  EXPECT_THAT(Texts(PlotAxis::OfValues(0, 2)), ElementsAre("0", "0.5", "1.0", "1.5", "2.0"));
  EXPECT_THAT(Texts(PlotAxis::OfValues(-3e6, 1e6)),
              ElementsAre("-3e6", "-2e6", "-1e6", "0", "1e6"));
  EXPECT_THAT(Texts(PlotAxis::OfValues(1e-7, 3e-7)),
              ElementsAre("1e-7", "1.5e-7", "2e-7", "2.5e-7", "3e-7"));
}

TEST(PlotAxisTest, AConstantStandsInTheMiddle) {
  for (const double value : {.693, -2.0, 1e300, -1e300, 1e-280}) {
    const PlotAxis axis = PlotAxis::OfValues(value, value);
    EXPECT_NEAR(axis.Part(value), .5, 1e-9) << value;
    EXPECT_FALSE(axis.ticks().empty()) << value;
  }
  EXPECT_GE(PlotAxis::OfValues(0, 0).ticks().size(), 3);
}

TEST(PlotAxisTest, FarApartIsLogarithmic) {
  const PlotAxis axis = PlotAxis::OfValues(.01, 1000);
  EXPECT_TRUE(axis.logarithmic());
  EXPECT_THAT(Texts(axis), ElementsAre("0.01", "0.1", "1", "10", "100", "1000"));
  EXPECT_NEAR(axis.Part(std::sqrt(.01 * 1000)), .5, 1e-12);
  EXPECT_THAT(Texts(PlotAxis::OfValues(.5, 150)),
              ElementsAre("0.5", "1", "2", "5", "10", "20", "50", "100", "200"));
  EXPECT_FALSE(PlotAxis::OfValues(0, 1000).logarithmic());
  EXPECT_FALSE(PlotAxis::OfValues(-1, 1000).logarithmic());
}

TEST(PlotAxisTest, WhateverTheRangeTicksAreFewAndWithin) {
  for (const double low : {-1e300, -7.0, 0.0, 5e-324, 1e-300, 1e-9, .5, 3e8}) {
    for (const double range : {0.0, 1e-300, 1e-12, .37, 8.0, 1e5, 1e300}) {
      const PlotAxis axis = PlotAxis::OfValues(low, low + range);
      EXPECT_LE(axis.ticks().size(), 12) << low << " " << range;
      EXPECT_GE(axis.ticks().size(), 1) << low << " " << range;
      for (const PlotAxis::Tick& tick : axis.ticks()) {
        EXPECT_GE(axis.Part(tick.value), 0) << low << " " << range;
        EXPECT_LE(axis.Part(tick.value), 1) << low << " " << range;
      }
    }
  }
}

TEST(FigureTextTest, HasFourDigits) {
  EXPECT_EQ(FigureText(.421349), "0.4213");
  EXPECT_EQ(FigureText(12.3456), "12.35");
  EXPECT_EQ(FigureText(-3), "-3.000");
  EXPECT_EQ(FigureText(12345), "12345");
  EXPECT_EQ(FigureText(0), "0");
  EXPECT_EQ(FigureText(1.25e-5), "1.25e-5");
  EXPECT_EQ(FigureText(-2.5e7), "-2.5e7");
  EXPECT_EQ(FigureText(std::nan("")), "n/a");
}

}  // namespace
}  // namespace dear
