#ifndef DEAR_TRAIN_CHECKPOINT_H_
#define DEAR_TRAIN_CHECKPOINT_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/trainable_adapter.h"
#include "train/adamw.h"
#include "train/moving_average.h"

namespace dear {

// The best evaluation so far.
struct BestEvaluation {
  std::optional<double> value;  // absent: there was none
  int64_t step = 0;
  int64_t since = 0;  // evaluations after it
};

// Where a training stands after a step. All else (order of the data, learning rate, dropout)
// follows from the step's number.
struct TrainingState {
  int64_t step = 0;             // steps done
  double loss_sum = 0;          // of the steps since the last logged one
  int64_t loss_steps = 0;       // how many those are
  int64_t tokens = 0;           // that went through the model so far
  int64_t samples = 0;          // items so far
  double seconds = 0;           // of work so far
  double total_loss = 0;        // of all steps
  bool evaluation_due = false;  // the step's own evaluation was interrupted
  BestEvaluation best;
  // What must be the same for the run to go on: name and value.
  std::vector<std::pair<std::string, std::string>> identity;
};

// What a checkpoint holds the numbers of.
struct CheckpointParts {
  TrainableAdapter& adapter;
  AdamW& optimizer;
  MovingAverage* average = nullptr;  // null: there is none
};

// OUTPUT/checkpoint-STEP: the adapter as the next step begins with it (TrainableAdapter::Save),
// optimizer.safetensors (AdamW's moments), training_state.json and where there is an average
// moving_average.safetensors. Without optimizer the adapter alone. Written under another name and
// renamed when it is whole, so that a crash leaves the one before.
std::filesystem::path SaveCheckpoint(const std::filesystem::path& output,
                                     const CheckpointParts& parts, const TrainingState& state,
                                     bool with_optimizer = true);

// OUTPUT/best: the adapter alone, in place of the one before.
std::filesystem::path BestFolder(const std::filesystem::path& output);

// The checkpoints of a folder, oldest first; what was cut off while being written is none.
std::vector<std::filesystem::path> FindCheckpoints(const std::filesystem::path& output);
// Removes the oldest until `limit` are left, and what was cut off.
void KeepCheckpoints(const std::filesystem::path& output, std::optional<int64_t> limit);

// Puts the parts back to where a checkpoint was written. Throws kNotFound where a file
// is missing, kInvalidFormat where one is broken or of other shapes, kInvalidArgument naming the
// first thing in `identity` that was another one.
TrainingState LoadCheckpoint(const std::filesystem::path& folder,
                             const std::vector<std::pair<std::string, std::string>>& identity,
                             const CheckpointParts& parts);

}  // namespace dear

#endif  // DEAR_TRAIN_CHECKPOINT_H_
