#include "api/training_data.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <random>
#include <utility>

#include "base/error.h"
#include "base/mapped_file.h"

namespace dear {

std::string JoinedNames(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ",") + name;
  return joined;
}

ServedRecipe ServedRecipe::Load(const std::string& name_or_path) {
  ServedRecipe served{.recipe = LoadRecipe(name_or_path), .name = name_or_path, .text = {}};
  if (!IsRecipeFile(name_or_path)) return served;
  served.name = std::filesystem::path(name_or_path).filename().string();
  served.text = ReadFile(name_or_path);
  return served;
}

TrainingSplit SplitItems(size_t count, const TrainConfig& config) {
  TrainingSplit split;
  split.train.resize(count);
  std::iota(split.train.begin(), split.train.end(), size_t{0});
  if (config.val_size <= 0) return split;
  const auto held = static_cast<size_t>(
      config.val_size < 1 ? std::ceil(config.val_size * static_cast<double>(count))
                          : config.val_size);
  if (held >= count) {
    throw Error(ErrorCode::kInvalidArgument, "val_size",
                "would hold out " + std::to_string(held) + " of " + std::to_string(count) +
                    " rows; nothing would be left to train on");
  }
  std::mt19937_64 random(static_cast<uint64_t>(config.seed));
  for (size_t i = count; i > 1; --i) std::swap(split.train[i - 1], split.train[random() % i]);
  const auto cut = split.train.end() - static_cast<int64_t>(held);
  split.held_out.assign(cut, split.train.end());
  split.train.erase(cut, split.train.end());
  std::ranges::sort(split.train);
  std::ranges::sort(split.held_out);
  return split;
}

std::unique_ptr<TrainingData> OpenTrainingData(const TrainConfig& config,
                                               std::shared_ptr<const Tokenizer> tokenizer,
                                               int64_t context, ThreadPool& pool,
                                               const ProgressFn& progress) {
  std::unique_ptr<TrainingData> data = config.stage == TrainStage::kSft
                                           ? OpenSftData(config, tokenizer, pool, progress)
                                           : OpenRankingData(config, tokenizer, context);
  data->tokenizer = std::move(tokenizer);
  return data;
}

}  // namespace dear
