#include "train/plot_axis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "eval/report_text.h"

namespace dear {
namespace {

constexpr double kFarApart = 200;     // the ratio from which on an axis is logarithmic
constexpr double kLeastRange = 1e-9;  // of an axis, as a share of its values
constexpr double kSmallest = 1e-290;  // below it a tick's distance would vanish
constexpr double kMargin = .06;       // of the range, above and below the values
constexpr double kManyDigits = 1e6;   // from here on 2.5e6 reads better
constexpr double kFewDigits = 1e-4;

// "2.5e6" for printf's "2.5e+06".
std::string Exponential(double value, int decimals) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*e", decimals, value);
  std::string out(text.data());
  const size_t e = out.find('e');
  const int exponent = std::stoi(out.substr(e + 1));
  std::string mantissa = out.substr(0, e);
  if (mantissa.find('.') != std::string::npos) {
    mantissa.erase(mantissa.find_last_not_of('0') + 1);
    if (mantissa.ends_with('.')) mantissa.pop_back();
  }
  return mantissa + "e" + std::to_string(exponent);
}

int Magnitude(double value) {
  return static_cast<int>(std::floor(std::log10(value) + 1e-9));
}

// Digits in groups of three, thin spaces between.
std::string WholeText(double value) {
  std::string digits = eval::Decimals(value, 0);
  const size_t sign = digits.starts_with('-') ? 1 : 0;
  if (digits.size() - sign < 5) return digits;
  for (size_t end = digits.size(); end > sign + 3;) {
    end -= 3;
    digits.insert(end, "\u2009");
  }
  return digits;
}

// As many digits as ticks that lie `step` apart need, the largest of them being `largest`.
std::string TickText(double value, double step, double largest) {
  if (std::abs(value) < step / 2) return "0";
  const int digit = Magnitude(step);
  if (largest >= kManyDigits || largest < kFewDigits) {
    return Exponential(value, std::clamp(Magnitude(std::abs(value)) - digit, 0, 15));
  }
  return eval::Decimals(value, std::clamp(-digit, 0, 12));
}

// A round distance so that about `wanted` of them fit.
double RoundStep(double range, int wanted) {
  const double rough = range / wanted;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (step * power >= rough * (1 - 1e-9)) return step * power;
  }
  return 10 * power;
}

}  // namespace

std::string FigureText(double value) {
  const double size = std::abs(value);
  if (size == 0) return "0";
  if (!std::isfinite(value)) return eval::Decimals(value, 0);
  if (size >= kManyDigits || size < kFewDigits) return Exponential(value, 2);
  return eval::Decimals(value, std::clamp(3 - Magnitude(size), 0, 4));
}

PlotAxis PlotAxis::OfSteps(double first, double last) {
  PlotAxis axis;
  const bool one = first == last;
  const bool near_zero = first >= 0 && first <= .1 * last;
  axis.low_ = one ? first - 1 : near_zero ? 0 : first;
  axis.high_ = one ? last + 1 : last;
  axis.AddTicks(8, true);
  return axis;
}

PlotAxis PlotAxis::OfValues(double low, double high) {
  PlotAxis axis;
  axis.logarithmic_ = low > 0 && std::log10(high) - std::log10(low) > std::log10(kFarApart);
  if (axis.logarithmic_) {
    axis.low_ = std::log10(low);
    axis.high_ = std::log10(high);
  } else {
    // A constant stands in the middle.
    const double size = std::max(std::abs(low), std::abs(high));
    const bool constant = high - low <= std::max(size * kLeastRange, kSmallest);
    const double extra = !constant ? 0 : size == 0 ? 1 : std::max(size * .1, kSmallest);
    axis.low_ = low - extra;
    axis.high_ = high + extra;
  }
  const double margin = (axis.high_ - axis.low_) * kMargin;
  // Below nothing there is no loss: an axis of positive values does not go under 0.
  const bool positive = low >= 0 && !axis.logarithmic_;
  axis.low_ = positive ? std::max(0.0, axis.low_ - margin) : axis.low_ - margin;
  axis.high_ += margin;
  if (axis.logarithmic_) {
    axis.AddDecades();
  } else {
    axis.AddTicks(8, false);
  }
  return axis;
}

double PlotAxis::Part(double value) const {
  const double place = logarithmic_ ? std::log10(value) : value;
  return std::clamp((place - low_) / (high_ - low_), 0.0, 1.0);
}

void PlotAxis::AddTicks(int wanted, bool whole) {
  double step = RoundStep(high_ - low_, wanted);
  if (whole) step = std::max(1.0, step);
  const double largest = std::max(std::abs(low_), std::abs(high_));
  const double first = std::ceil(low_ / step - 1e-9) + 0.0;  // no -0
  const double last = std::floor(high_ / step + 1e-9);
  for (double i = first; i <= last; ++i) {
    const double value = i * step;
    ticks_.push_back({value, whole ? WholeText(value) : TickText(value, step, largest)});
  }
}

void PlotAxis::AddDecades() {
  const double decades = high_ - low_;
  const double every = std::max(1.0, std::ceil(decades / 8));
  const bool with_parts = decades < 5;
  for (double decade = std::floor(low_ / every) * every; decade <= high_; decade += every) {
    for (const double part : {1.0, 2.0, 5.0}) {
      if (part != 1 && (!with_parts || (part == 5 && decades > 3.5))) continue;
      const double value = part * std::pow(10.0, decade);
      if (std::log10(value) < low_ || std::log10(value) > high_) continue;
      ticks_.push_back({value, value >= 1e-3 && value < kManyDigits
                                   ? eval::Decimals(value, std::max(0, -Magnitude(value)))
                                   : Exponential(value, 0)});
    }
  }
}

}  // namespace dear
