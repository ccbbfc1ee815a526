#ifndef DEAR_TRAIN_TRAINING_LOG_H_
#define DEAR_TRAIN_TRAINING_LOG_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "train/append_file.h"

namespace dear {

// Before the names of an evaluation's figures, in the log as in the results.
constexpr std::string_view kEvalPrefix = "eval_";

// What is told of one moment of a run: the figures of training since the last time, or those of an
// evaluation, or both. A figure that was measured and is no number is NaN; one that was not
// measured is absent.
struct LogEntry {
  int64_t step = 0;  // done so far
  int64_t total_steps = 0;
  double epoch = 0;
  std::optional<double> loss;  // the mean over the steps since the last entry
  std::optional<double> learning_rate;
  std::optional<double> grad_norm;            // before clipping
  std::optional<double> eval_loss;            // over the whole evaluation set
  std::map<std::string, double> evaluations;  // others, by names that begin with "eval_"
  double elapsed_seconds = 0;
  double remaining_seconds = 0;
  int64_t total_tokens = 0;          // that went through the model so far; 0: not counted
  std::optional<double> throughput;  // tokens a second
};

// trainer_log.jsonl: one JSON object a line for each entry, with the keys that LLaMA-Factory
// writes and reads (llamafactory 0.9.5, train/callbacks.py, LogCallback): current_steps,
// total_steps, loss, eval_loss, lr, epoch, percentage, elapsed_time and remaining_time as
// "H:MM:SS", throughput, total_tokens; keys without a figure are left out. Ours are grad_norm and
// eval_*. Unlike there numbers are not rounded: each is the shortest that reads back to the same
// double. What is no number is null.
class TrainingLog {
 public:
  // `resumed_step` 0: a run from its beginning, and a file that is there is replaced. Above 0: a
  // run that goes on after that step: the lines up to it stay as they are, those of later steps,
  // which will come again, and a last line that was not finished go. Throws kInvalidFormat naming
  // file and line for any other line that does not fit, kInvalidArgument for a negative step, kIo.
  TrainingLog(const std::filesystem::path& path, int64_t resumed_step);

  // The line is in the file when this returns. Throws kInvalidArgument where a name in
  // `evaluations` does not begin with "eval_" or is "eval_loss".
  void Append(const LogEntry& entry);

  // All, those of before the resumption among them.
  const std::vector<LogEntry>& entries() const { return entries_; }

 private:
  std::vector<LogEntry> entries_;
  std::optional<AppendFile> file_;
};

// One line of the file, without its end.
std::string LogLine(const LogEntry& entry);
LogEntry ParseLogLine(std::string_view line, const std::string& context);

// A duration as Python's str(timedelta) prints whole seconds: "1:02:03", "2 days, 0:00:01".
std::string DurationText(double seconds);

// A run that came to its end.
struct TrainResults {
  double epoch = 0;
  double train_loss = 0;    // the mean over all steps of this run
  double seconds = 0;       // of this run
  int64_t num_samples = 0;  // seen in this run, repeated ones again
  int64_t num_steps = 0;    // done in this run
  int64_t num_tokens = 0;   // 0: not counted
};

// The figures under the names that transformers gives them (Trainer.train's metrics): epoch,
// train_loss, train_runtime, train_samples_per_second, train_steps_per_second,
// train_tokens_per_second, num_input_tokens_seen. Rates are left out where no time passed.
Json TrainMetrics(const TrainResults& results);

// Writes OUTPUT_DIR/SPLIT_results.json and puts the same figures into all_results.json, where
// those of other splits stay, as transformers' Trainer.save_metrics does (keys sorted, four spaces
// of indentation). `split` is "train" or "eval". Throws kInvalidFormat where all_results.json is
// there and holds no object.
void SaveMetrics(const std::filesystem::path& output_dir, const std::string& split,
                 const Json& metrics);

// Where a run stands, for trainer_state.json.
struct TrainerProgress {
  int64_t global_step = 0;
  int64_t max_steps = 0;
  int64_t num_train_epochs = 0;  // rounded up
  double epoch = 0;
};

// trainer_state.json as transformers' TrainerState.load_from_json reads it, with the entries as
// its log_history: epoch, grad_norm, learning_rate, loss, step, or epoch, eval_*, step. Entries
// of later steps than global_step are left out.
Json TrainerState(const TrainerProgress& progress, std::span<const LogEntry> entries);
void WriteTrainerState(const std::filesystem::path& path, const TrainerProgress& progress,
                       std::span<const LogEntry> entries);

}  // namespace dear

#endif  // DEAR_TRAIN_TRAINING_LOG_H_
