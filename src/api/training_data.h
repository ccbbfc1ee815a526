#ifndef DEAR_API_TRAINING_DATA_H_
#define DEAR_API_TRAINING_DATA_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/thread_pool.h"
#include "rank/recipe.h"
#include "rank/recipe_lengths.h"
#include "text/tokenizer.h"
#include "train/objective.h"
#include "train/train_config.h"

namespace dear {

// A part of a rendered example: text of tokens that are all predicted, or all not.
struct ShownText {
  std::string text;
  bool trained = false;
};

// By which an adapter is to be served.
struct ServedRecipe {
  std::optional<Recipe> recipe;  // absent: it is not known
  std::string name;              // that LoadRecipe takes, or the name of a file
  std::string text;              // of the file
  RankingLengths lengths = {};   // in place of those in the file

  // A name or a file, as LoadRecipe takes it. Throws what that throws.
  static ServedRecipe Load(const std::string& name_or_path);
};

// What a configuration's datasets give, for one stage.
struct TrainingData {
  static constexpr size_t kShownExamples = 3;

  virtual ~TrainingData() = default;

  std::unique_ptr<Objective> objective;
  std::unique_ptr<Objective> evaluation;  // null: there is none
  int64_t packed = 0;                     // examples in rows that they share; 0: each has its own
  int64_t eval_packed = 0;                // likewise
  int64_t dropped = 0;                    // rows that cannot be used
  std::vector<std::string> first_dropped;
  std::string form;  // the template's name, or the recipe's
  std::shared_ptr<const Tokenizer> tokenizer;
  ServedRecipe served;
  bool needs_score_head = false;
  std::vector<std::vector<ShownText>> examples;  // the first ones, as the model sees them
};

// `context`: the longest input that the model takes. Throws Error naming key, file or row.
std::unique_ptr<TrainingData> OpenTrainingData(const TrainConfig& config,
                                               std::shared_ptr<const Tokenizer> tokenizer,
                                               int64_t context, ThreadPool& pool,
                                               const ProgressFn& progress);

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
                                          std::shared_ptr<const Tokenizer> tokenizer,
                                          ThreadPool& pool, const ProgressFn& progress);
std::unique_ptr<TrainingData> OpenRankingData(const TrainConfig& config,
                                              std::shared_ptr<const Tokenizer> tokenizer,
                                              int64_t context);

}  // namespace dear

#endif  // DEAR_API_TRAINING_DATA_H_
