// The data of supervised fine-tuning.
#include <algorithm>
#include <numeric>
#include <utility>

#include "api/training_data.h"
#include "base/error.h"
#include "train/dataset_info.h"
#include "train/item_sizes.h"
#include "train/sft_dataset.h"
#include "train/sft_objective.h"
#include "train/sft_template.h"

namespace dear {
namespace {

std::vector<ShownText> Shown(const SftTokens& tokens, const Tokenizer& tokenizer) {
  std::vector<ShownText> parts;
  std::vector<TokenId> ids;
  for (size_t i = 0; i < tokens.ids.size(); ++i) {
    ids.push_back(tokens.ids[i]);
    const bool last = i + 1 == tokens.ids.size();
    if (!last && tokens.trained[i + 1] == tokens.trained[i]) continue;
    parts.push_back({.text = tokenizer.Decode(ids, false), .trained = tokens.trained[i] != 0});
    ids.clear();
  }
  return parts;
}

// Items of a dataset chosen for one objective.
SftObjective ObjectiveOf(const SftDataset& dataset, const SftTemplate& rendering,
                         std::vector<size_t> items) {
  const size_t count = items.size();
  return {count, [&dataset, &rendering, chosen = std::move(items)](size_t item) {
            const size_t index = chosen[item];
            try {
              return rendering.Encode(dataset.Example(index));
            } catch (const Error& error) {
              throw error.Within(dataset.Place(index));
            }
          }};
}

struct SftData : TrainingData {
  std::unique_ptr<SftTemplate> rendering;
  std::unique_ptr<SftDataset> train;
  std::unique_ptr<SftDataset> eval;  // null: a part of `train`, or none
};

// The same items in rows, where the configuration asks for it.
class Packer {
 public:
  Packer(const TrainConfig& config, ThreadPool& pool, const ProgressFn& progress)
      : config_(config), pool_(pool), progress_(progress) {}

  // Tokens of an example at most, so that each fits into a row.
  int64_t cutoff_len() const { return config_.cutoff_len - (config_.packing ? 1 : 0); }

  // `packed` becomes the number of examples in rows; it stays where nothing is packed.
  std::unique_ptr<Objective> Pack(SftObjective examples, int64_t* packed) const {
    if (!config_.packing) return std::make_unique<SftObjective>(std::move(examples));
    const std::vector<ItemSize> sizes = ItemSizes(examples, pool_, progress_);
    *packed = static_cast<int64_t>(sizes.size());
    return std::make_unique<SftObjective>(
        std::move(examples), sizes,
        SftPackingOptions{.capacity = cutoff_len(), .group = config_.preprocessing_batch_size});
  }

 private:
  const TrainConfig& config_;
  ThreadPool& pool_;
  const ProgressFn& progress_;
};

std::unique_ptr<SftDataset> Open(const std::vector<std::string>& names, const TrainConfig& config) {
  return std::make_unique<SftDataset>(
      FindSftSources(JoinedNames(names), config.dataset_dir),
      SftDatasetOptions{.max_samples = config.max_samples,
                        .seed = static_cast<uint64_t>(config.seed)});
}

}  // namespace

std::unique_ptr<TrainingData> OpenSftData(const TrainConfig& config,
                                          std::shared_ptr<const Tokenizer> tokenizer,
                                          ThreadPool& pool, const ProgressFn& progress) {
  const Packer packer(config, pool, progress);
  auto data = std::make_unique<SftData>();
  data->rendering =
      std::make_unique<SftTemplate>(config.chat_template, tokenizer,
                                    SftTemplateOptions{.cutoff_len = packer.cutoff_len(),
                                                       .train_on_prompt = config.train_on_prompt,
                                                       .mask_history = config.mask_history,
                                                       .turns = {}});
  data->form = data->rendering->name();
  if (!config.recipe.empty()) data->served = ServedRecipe::Load(config.recipe);
  data->train = Open(config.dataset, config);
  data->dropped = data->train->report().dropped;
  data->first_dropped = data->train->report().first_dropped;
  TrainingSplit split = SplitItems(data->train->size(), config);
  for (size_t i = 0; i < std::min(TrainingData::kShownExamples, split.train.size()); ++i) {
    const SftExample example = data->train->Example(split.train[i]);
    data->examples.push_back(Shown(data->rendering->Encode(example), *tokenizer));
  }
  const SftDataset* held_from = data->train.get();
  if (!config.eval_dataset.empty()) {
    data->eval = Open(config.eval_dataset, config);
    held_from = data->eval.get();
    split.held_out.resize(data->eval->size());
    std::iota(split.held_out.begin(), split.held_out.end(), size_t{0});
  }
  data->objective = packer.Pack(ObjectiveOf(*data->train, *data->rendering, std::move(split.train)),
                                &data->packed);
  if (!split.held_out.empty()) {
    data->evaluation = packer.Pack(
        ObjectiveOf(*held_from, *data->rendering, std::move(split.held_out)), &data->eval_packed);
  }
  return data;
}

}  // namespace dear
