#ifndef DEAR_TRAIN_LOSS_CURVE_H_
#define DEAR_TRAIN_LOSS_CURVE_H_

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "train/training_log.h"

namespace dear {

struct CurvePoint {
  int64_t step = 0;
  double value = 0;
};

// One named series over the steps of a run, in the order of its steps.
struct Curve {
  std::string name;
  std::vector<CurvePoint> points;
  // A thin line with a thick smooth one over it, for a figure that jumps from step to step; else
  // one line with a dot a point.
  bool smoothed = false;
};

struct CurvePlot {
  std::string title;
  std::string value_name;  // beside the y axis
  std::vector<Curve> curves;
};

// An exponential moving average that weighs more the more values there are, beginning at the first
// value: e = w e + (1 - w) x with w = 1.8 (sigmoid(n / 20) - 1/2) (LLaMA-Factory,
// extras/ploting.py, smooth()). Over 500 values, where that stays at .9, w = 1 - 50 / n, so that a
// long run's line is as calm as a short one's.
std::vector<double> SmoothedValues(std::span<const double> values);

// A drawing that stands for itself: 800 by 450, light background, round ticks, a legend, and the
// last value of each curve written at its end. The y axis is logarithmic where all values are
// above 0 and lie far apart; their logarithms are then what is smoothed. Values that are no finite
// number are left out, and their count is written below the title; where a series is long, what no
// pixel shows is left out too.
std::string CurveSvg(const CurvePlot& plot);

// What a run's log shows, as LLaMA-Factory's plot_loss names it: training_loss.svg (with the
// evaluation's loss in it, where there is one), training_eval_loss.svg, and training_eval_x.svg
// for each other figure; one without any value gets no file. `run` stands in the titles. Returns
// the files, each written beside its name and renamed. Throws Error (kIo).
std::vector<std::filesystem::path> WriteCurves(const std::filesystem::path& output_dir,
                                               const std::string& run,
                                               std::span<const LogEntry> entries);

}  // namespace dear

#endif  // DEAR_TRAIN_LOSS_CURVE_H_
