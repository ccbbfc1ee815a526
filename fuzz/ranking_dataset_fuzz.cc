// Whatever stands in a file of rankings, its rows become groups of passages that a loss takes and
// that the recipes encode, or a reason why not, or an Error. The input: what the loss needs and how
// many passages it gets, an epoch, relevance judgements up to the first line that is empty, the
// file.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "rank/recipe.h"
#include "rank/recipe_lengths.h"
#include "rank/testing/fakes.h"
#include "train/ranking_choice.h"
#include "train/ranking_encoder.h"
#include "train/ranking_rows.h"
#include "train/sft_json_rows.h"

namespace {

using dear::RankingEncoder;
using dear::RankingExample;
using dear::RankingNeeds;

constexpr int64_t kContext = 64;

void Require(bool condition) {
  if (!condition) std::abort();
}

std::vector<RankingEncoder> Encoders() {
  const auto tokenizer = std::make_shared<dear::testing::FakeTokenizer>();
  std::vector<RankingEncoder> encoders;
  for (const char* name : {"dear-pointwise-card", "rankllama", "bge-gemma", "query-likelihood"}) {
    dear::Recipe recipe = dear::LoadRecipe(name);
    recipe.score.positive = "y";
    // Its own words would fill the context.
    if (recipe.kind == dear::RecipeKind::kQueryLikelihood) recipe.prompt.text = "{passage}:";
    encoders.emplace_back(recipe, tokenizer, kContext);
    recipe = dear::WithLengths(recipe, {.query = 5, .passage = 9});
    encoders.emplace_back(recipe, tokenizer, kContext);
  }
  return encoders;
}

// Every loss that the needs are those of takes the group.
void ComputeLosses(const dear::EncodedRanking& ranking, const RankingNeeds& needs) {
  const std::vector<float> scores(ranking.passages.size(), 0.5F);
  for (const std::string_view name : dear::RankingLossNames()) {
    dear::RankingLossOptions options;
    options.losses = {{std::string(name), 1}};
    const auto loss = dear::MakeRankingLoss(options);
    const RankingNeeds of_loss = RankingNeeds::Of(*loss);
    if (of_loss.labels != needs.labels || of_loss.teacher_scores != needs.teacher_scores ||
        of_loss.teacher_order != needs.teacher_order) {
      continue;
    }
    loss->Compute({.scores = scores,
                   .labels = ranking.labels,
                   .teacher_scores = ranking.teacher_scores,
                   .teacher_order = ranking.teacher_order});
  }
}

void Check(const RankingExample& example, const RankingNeeds& needs, int64_t count, int64_t epoch) {
  static const std::vector<RankingEncoder> encoders = Encoders();
  const RankingExample group =
      dear::ChooseRanking(example, {.passages_per_query = count, .seed = 1}, 3, epoch);
  Require(group.passages.size() >= 2 && static_cast<int64_t>(group.passages.size()) <= count);
  for (const dear::RankingPassage& passage : group.passages)
    Require(!needs.teacher_scores || passage.teacher_score);
  for (const RankingEncoder& encoder : encoders) {
    dear::EncodedRanking ranking;
    try {
      ranking = encoder.Encode(group);
    } catch (const dear::Error& error) {
      // A long query leaves no room.
      Require(error.code() == dear::ErrorCode::kInvalidArgument);
      continue;
    }
    for (const auto& passage : ranking.passages) {
      Require(!passage.ids.empty() && static_cast<int64_t>(passage.ids.size()) <= kContext);
      // The rows that hold the score are the last ones, one for each token that is predicted.
      const size_t rows = std::max<size_t>(passage.targets.size(), 1);
      Require(passage.score_rows.size() == rows);
      for (size_t i = 0; i < rows; ++i) {
        Require(passage.score_rows[i] ==
                static_cast<int32_t>(passage.ids.size()) - static_cast<int32_t>(rows - i));
      }
    }
    ComputeLosses(ranking, needs);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const RankingNeeds needs{.labels = (data[0] & 1) != 0,
                           .teacher_scores = (data[0] & 2) != 0,
                           .teacher_order = (data[0] & 4) != 0};
  const int64_t count = 2 + (data[0] >> 3);
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string_view judged = text.substr(0, text.find("\n\n"));
  const std::string file(text.substr(std::min(judged.size() + 2, text.size())));
  try {
    std::optional<dear::eval::Qrels> qrels;
    if (!judged.empty()) {
      qrels = dear::eval::Qrels::Parse(
          dear::eval::TextSource::FromString(std::string(judged), "qrels"));
    }
    const auto rows = dear::SftJsonRows::FromText(file, "file");
    for (size_t i = 0; i < rows.size(); ++i) {
      const dear::RankingRow row =
          dear::ReadRankingRow(rows.Parse(i), needs, qrels ? &*qrels : nullptr);
      Require(row.example.has_value() == row.dropped.empty());
      const bool can_choose = needs.labels || needs.teacher_scores || needs.teacher_order;
      if (row.example && can_choose) Check(*row.example, needs, count, data[1]);
    }
  } catch (const dear::Error&) {
  }
  return 0;
}
