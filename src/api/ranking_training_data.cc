// The data of pointwise training, and of training by query likelihood.
#include <algorithm>
#include <numeric>
#include <utility>

#include "api/training_data.h"
#include "base/error.h"
#include "base/json.h"
#include "rank/recipe.h"
#include "train/ranking_dataset.h"
#include "train/ranking_encoder.h"
#include "train/ranking_objective.h"

namespace dear {
namespace {

// With the lengths of the configuration; throws where the recipe is not one of the stage's.
ServedRecipe RecipeOf(const TrainConfig& config) {
  const bool likelihood = config.stage == TrainStage::kLikelihood;
  const std::string name = !config.recipe.empty() ? config.recipe
                           : likelihood           ? "query-likelihood"
                                                  : "dear-pointwise-card";
  ServedRecipe served = ServedRecipe::Load(name);
  const RecipeKind expected = likelihood ? RecipeKind::kQueryLikelihood : RecipeKind::kPointwise;
  if (served.recipe->kind != expected) {
    throw Error(ErrorCode::kInvalidArgument, "recipe",
                "'" + name + "' is of kind " + std::string(RecipeKindName(served.recipe->kind)) +
                    ", but the stage asks for " + std::string(RecipeKindName(expected)));
  }
  served.lengths = {.query = config.query_max_length, .passage = config.passage_max_length};
  served.recipe = WithLengths(*std::move(served.recipe), served.lengths);
  return served;
}

struct RankingData : TrainingData {
  std::unique_ptr<RankingEncoder> encoder;
  std::unique_ptr<RankingDataset> train;
  std::unique_ptr<RankingDataset> eval;  // null: a part of `train`, or none
  std::shared_ptr<const RankingLoss> loss;
};

std::unique_ptr<RankingDataset> Open(const std::vector<std::string>& names,
                                     const TrainConfig& config, const RankingLoss& loss) {
  return std::make_unique<RankingDataset>(
      FindRankingSources(names, config.dataset_dir),
      RankingDatasetOptions{.needs = RankingNeeds::Of(loss),
                            .choice = {.passages_per_query = config.passages_per_query,
                                       .seed = static_cast<uint64_t>(config.seed)},
                            .max_samples = config.max_samples});
}

std::unique_ptr<Objective> ObjectiveOf(const RankingData& data, const RankingDataset& dataset,
                                       std::vector<size_t> items) {
  const size_t count = items.size();
  const RankingEncoder& encoder = *data.encoder;
  const auto encode = [&dataset, &encoder, chosen = std::move(items)](size_t item, int64_t epoch) {
    const size_t index = chosen[item];
    try {
      return encoder.Encode(dataset.Chosen(index, epoch));
    } catch (const Error& error) {
      throw error.Within(dataset.Place(index));
    }
  };
  return std::make_unique<RankingObjective>(count, encode, data.loss, encoder.reader());
}

// Each passage as the model sees it, with what is known of it.
std::vector<ShownText> Shown(const EncodedRanking& ranking, const Tokenizer& tokenizer) {
  std::vector<ShownText> parts;
  for (size_t i = 0; i < ranking.passages.size(); ++i) {
    const EncodedRanking::Passage& passage = ranking.passages[i];
    const auto prompt = static_cast<size_t>(passage.score_rows.front()) + 1;
    parts.push_back(
        {.text = tokenizer.Decode(std::span(passage.ids).first(prompt), false), .trained = false});
    std::string known = tokenizer.Decode(passage.targets, false);
    if (!ranking.labels.empty()) known += " label " + Json(ranking.labels[i]).dump();
    if (!ranking.teacher_scores.empty()) {
      known += " teacher " + Json(ranking.teacher_scores[i]).dump();
    }
    parts.push_back({.text = known + "\n", .trained = true});
  }
  return parts;
}

}  // namespace

std::unique_ptr<TrainingData> OpenRankingData(const TrainConfig& config,
                                              std::shared_ptr<const Tokenizer> tokenizer,
                                              int64_t context) {
  auto data = std::make_unique<RankingData>();
  data->served = RecipeOf(config);
  const Recipe& recipe = *data->served.recipe;
  data->form = recipe.name;
  data->needs_score_head =
      recipe.kind == RecipeKind::kPointwise && recipe.score.head == ScoreHead::kLinear;
  data->encoder = std::make_unique<RankingEncoder>(recipe, tokenizer, context);
  data->loss = MakeRankingLoss(config.ranking);
  data->train = Open(config.dataset, config, *data->loss);
  data->dropped = data->train->report().dropped;
  data->first_dropped = data->train->report().first_dropped;
  TrainingSplit split = SplitItems(data->train->size(), config);
  for (size_t i = 0; i < std::min(TrainingData::kShownExamples, split.train.size()); ++i) {
    const RankingExample example = data->train->Chosen(split.train[i], 0);
    data->examples.push_back(Shown(data->encoder->Encode(example), *tokenizer));
  }
  const RankingDataset* held_from = data->train.get();
  if (!config.eval_dataset.empty()) {
    data->eval = Open(config.eval_dataset, config, *data->loss);
    held_from = data->eval.get();
    split.held_out.resize(data->eval->size());
    std::iota(split.held_out.begin(), split.held_out.end(), size_t{0});
  }
  data->objective = ObjectiveOf(*data, *data->train, std::move(split.train));
  if (!split.held_out.empty()) {
    data->evaluation = ObjectiveOf(*data, *held_from, std::move(split.held_out));
  }
  return data;
}

}  // namespace dear
