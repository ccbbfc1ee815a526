#ifndef DEAR_API_TRAINING_RECORD_H_
#define DEAR_API_TRAINING_RECORD_H_

#include <cstdint>
#include <filesystem>
#include <optional>

#include "model/trainable_adapter.h"
#include "train/model_card.h"
#include "train/tensorboard.h"
#include "train/train_config.h"
#include "train/trainer.h"
#include "train/training_log.h"

namespace dear {

// What a run leaves in its output folder beside the adapter: trainer_log.jsonl as it goes, with
// TensorBoard's events where report_to asks for them; at the end the figures of transformers
// (train_results.json, all_results.json, trainer_state.json), the curves where plot_loss asks for
// them, and the model card.
class TrainingRecord {
 public:
  // The folder exists. `first_step`: steps that were done before this process.
  TrainingRecord(const TrainConfig& config, int64_t first_step);

  // Fits the events of a Trainer; what they held is called as well.
  TrainerEvents Around(TrainerEvents events);
  // `card` holds what is known beforehand; the figures are filled in.
  void Finish(const TrainResult& result, ModelCard card);

 private:
  void Append(LogEntry entry);
  void OnStep(const TrainStepReport& report);
  void OnEval(const TrainEvalReport& report);

  const TrainConfig& config_;
  std::filesystem::path output_;
  TrainStepReport last_;
  TrainingLog log_;
  std::optional<TensorboardWriter> events_;
};

}  // namespace dear

#endif  // DEAR_API_TRAINING_RECORD_H_
