#ifndef DEAR_TRAIN_PLOT_AXIS_H_
#define DEAR_TRAIN_PLOT_AXIS_H_

#include <string>
#include <vector>

namespace dear {

// A number with four significant digits, as people write it: "0.4213", "12.35", "1.2e-5"; "n/a"
// where it is none.
std::string FigureText(double value);

// An axis with round ticks. Values are within +-1e300.
class PlotAxis {
 public:
  struct Tick {
    double value = 0;
    std::string text;
  };

  PlotAxis() = default;
  // Whole steps from `first` to `last`, from 0 where the first ones are near it.
  static PlotAxis OfSteps(double first, double last);
  // From below `low` to above `high`; logarithmic where both are above 0 and lie far apart.
  static PlotAxis OfValues(double low, double high);

  // Where on the axis a value stands: 0 at its low end, 1 at its high end.
  double Part(double value) const;
  bool logarithmic() const { return logarithmic_; }
  const std::vector<Tick>& ticks() const { return ticks_; }

 private:
  void AddTicks(int wanted, bool whole);
  void AddDecades();

  double low_ = 0;  // of a logarithmic axis the exponents of ten
  double high_ = 1;
  bool logarithmic_ = false;
  std::vector<Tick> ticks_;
};

}  // namespace dear

#endif  // DEAR_TRAIN_PLOT_AXIS_H_
