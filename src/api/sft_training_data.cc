// The data of supervised fine-tuning.
#include <algorithm>
#include <numeric>
#include <utility>

#include "api/training_data.h"
#include "base/error.h"
#include "train/dataset_info.h"
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

std::unique_ptr<SftDataset> Open(const std::vector<std::string>& names, const TrainConfig& config) {
  return std::make_unique<SftDataset>(
      FindSftSources(JoinedNames(names), config.dataset_dir),
      SftDatasetOptions{.max_samples = config.max_samples,
                        .seed = static_cast<uint64_t>(config.seed)});
}

}  // namespace

std::unique_ptr<TrainingData> OpenSftData(const TrainConfig& config,
                                          std::shared_ptr<const Tokenizer> tokenizer) {
  auto data = std::make_unique<SftData>();
  data->rendering =
      std::make_unique<SftTemplate>(config.chat_template, tokenizer,
                                    SftTemplateOptions{.cutoff_len = config.cutoff_len,
                                                       .train_on_prompt = config.train_on_prompt,
                                                       .mask_history = config.mask_history,
                                                       .turns = {}});
  data->form = data->rendering->name();
  data->recipe = config.recipe;
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
  data->objective = std::make_unique<SftObjective>(
      ObjectiveOf(*data->train, *data->rendering, std::move(split.train)));
  if (!split.held_out.empty()) {
    data->evaluation = std::make_unique<SftObjective>(
        ObjectiveOf(*held_from, *data->rendering, std::move(split.held_out)));
  }
  return data;
}

}  // namespace dear
