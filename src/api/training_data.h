#ifndef DEAR_API_TRAINING_DATA_H_
#define DEAR_API_TRAINING_DATA_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "text/tokenizer.h"
#include "train/objective.h"
#include "train/train_config.h"

namespace dear {

// A part of a rendered example: text of tokens that are all predicted, or all not.
struct ShownText {
  std::string text;
  bool trained = false;
};

// What a configuration's datasets give, for one stage.
struct TrainingData {
  static constexpr size_t kShownExamples = 3;

  virtual ~TrainingData() = default;

  std::unique_ptr<Objective> objective;
  std::unique_ptr<Objective> evaluation;  // null: there is none
  int64_t dropped = 0;                    // rows that cannot be used
  std::vector<std::string> first_dropped;
  std::string form;    // the template's name, or the recipe's
  // By which the adapter is to be served: its name, empty where it is not known, or a file's name
  // and what stood in it.
  std::string recipe;
  std::string recipe_text;
  bool needs_score_head = false;
  std::vector<std::vector<ShownText>> examples;  // the first ones, as the model sees them
};

// `context`: the longest input that the model takes. Throws Error naming key, file or row.
std::unique_ptr<TrainingData> OpenTrainingData(const TrainConfig& config,
                                               std::shared_ptr<const Tokenizer> tokenizer,
                                               int64_t context);

// Which of `count` items are trained on and which are held out: val_size of them, drawn by the
// seed. Throws kInvalidArgument where nothing would be left to train on.
struct TrainingSplit {
  std::vector<size_t> train;
  std::vector<size_t> held_out;
};
TrainingSplit SplitItems(size_t count, const TrainConfig& config);

// Names of datasets as a configuration writes several of them: "a,b".
std::string JoinedNames(const std::vector<std::string>& names);

std::unique_ptr<TrainingData> OpenSftData(const TrainConfig& config,
                                          std::shared_ptr<const Tokenizer> tokenizer);
std::unique_ptr<TrainingData> OpenRankingData(const TrainConfig& config,
                                              std::shared_ptr<const Tokenizer> tokenizer,
                                              int64_t context);

}  // namespace dear

#endif  // DEAR_API_TRAINING_DATA_H_
