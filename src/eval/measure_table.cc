#include <array>

#include "eval/measure.h"
#include "eval/measure_functions.h"

namespace dear::eval {
namespace {

MeasureInfo Count(std::string_view name, MeasureFn fn, std::string_view description) {
  return {.name = name,
          .value = ValueKind::kInteger,
          .summary = Summary::kSum,
          .compute = fn,
          .description = description};
}

MeasureInfo Plain(std::string_view name, MeasureFn fn, std::string_view description) {
  return {.name = name, .compute = fn, .description = description};
}

MeasureInfo GeometricMean(std::string_view name, MeasureFn fn, std::string_view description) {
  return {.name = name,
          .summary = Summary::kGeometricMean,
          .per_query = false,
          .compute = fn,
          .description = description};
}

MeasureInfo AtRanks(std::string_view name, MeasureFn fn, std::string_view description,
                    std::vector<int64_t> ranks = {5, 10, 15, 20, 30, 100, 200, 500, 1000}) {
  return {.name = name,
          .parameters = ParameterKind::kRanks,
          .compute = fn,
          .defaults = {.ranks = std::move(ranks)},
          .description = description};
}

MeasureInfo Numbers(std::string_view name, ParameterKind kind, MeasureFn fn,
                    std::vector<double> numbers, std::string_view description) {
  return {.name = name,
          .parameters = kind,
          .compute = fn,
          .defaults = {.numbers = std::move(numbers)},
          .description = description};
}

MeasureInfo Graded(std::string_view name, MeasureFn fn, std::string_view description) {
  return {
      .name = name, .parameters = ParameterKind::kGains, .compute = fn, .description = description};
}

}  // namespace

std::span<const MeasureInfo> AllMeasures() {
  using enum ParameterKind;
  static const std::vector<double> kTenths = {0.0, 0.1, 0.2, 0.3, 0.4, 0.5,
                                              0.6, 0.7, 0.8, 0.9, 1.0};
  static const std::array kMeasures = {
      MeasureInfo{.name = "runid",
                  .value = ValueKind::kText,
                  .summary = Summary::kTag,
                  .per_query = false,
                  .description = "the run's tag"},
      MeasureInfo{.name = "num_q",
                  .value = ValueKind::kInteger,
                  .summary = Summary::kNumQueries,
                  .per_query = false,
                  .compute = NumQueries,
                  .description = "queries averaged over"},
      Count("num_ret", NumRetrieved, "documents retrieved"),
      MeasureInfo{.name = "num_rel",
                  .value = ValueKind::kInteger,
                  .summary = Summary::kNumRelevant,
                  .compute = NumRelevant,
                  .description = "relevant documents"},
      Count("num_rel_ret", NumRelevantRetrieved, "relevant documents retrieved"),
      Plain("map", Map, "mean average precision"),
      GeometricMean("gm_map", LogMap, "geometric mean of the average precisions"),
      Plain("Rprec", RPrecision, "precision at rank R, the number of relevant documents"),
      Plain("bpref", Bpref, "preferences among judged documents that the ranking keeps"),
      Plain("recip_rank", ReciprocalRank, "1 / rank of the first relevant document"),
      Numbers("iprec_at_recall", kFractions, InterpolatedPrecision, kTenths,
              "interpolated precision at recall levels"),
      AtRanks("P", PrecisionAtCutoffs, "precision at ranks"),
      MeasureInfo{.name = "relstring",
                  .parameters = kNumbers,
                  .value = ValueKind::kText,
                  .summary = Summary::kNone,
                  .defaults = {.numbers = {10.0}},
                  .description = "relevances of the first documents as characters"},
      AtRanks("recall", RecallAtCutoffs, "recall at ranks"),
      Plain("infAP", InferredAp, "average precision inferred from a sampled pool"),
      GeometricMean("gm_bpref", LogBpref, "geometric mean of bpref"),
      Numbers("Rprec_mult", kFractions, RPrecisionMultiples,
              {0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0}, "precision at multiples of R"),
      Numbers("utility", kNumbers, Utility, {1.0, -1.0, 0.0, 0.0},
              "weighted sum of the four cells retrieved/relevant"),
      Numbers("11pt_avg", kNumbers, ElevenPointAverage, kTenths,
              "mean of the interpolated precisions at recall levels"),
      Plain("binG", BinaryG, "gain over log2(2 + nonrelevant documents above)"),
      Graded("G", NormalizedG, "graded gain over log2(2 + gain missed above)"),
      Graded("ndcg", Ndcg, "normalised discounted cumulative gain"),
      Graded("ndcg_rel", NdcgAtRelevant, "ndcg averaged over the relevant documents"),
      Graded("Rndcg", NdcgAtLevels, "ndcg averaged over the ranks where the ideal gain changes"),
      AtRanks("ndcg_cut", NdcgAtCutoffs, "ndcg at ranks"),
      AtRanks("map_cut", MapAtCutoffs, "average precision at ranks"),
      AtRanks("relative_P", RelativePrecisionAtCutoffs,
              "precision at ranks over the highest possible one"),
      AtRanks("success", SuccessAtCutoffs, "whether anything relevant stands above a rank",
              {1, 5, 10}),
      Plain("set_P", SetPrecision, "precision of the retrieved set"),
      Plain("set_relative_P", SetRelativePrecision, "its precision over the highest possible one"),
      Plain("set_recall", SetRecall, "recall of the retrieved set"),
      Plain("set_map", SetMap, "its precision times its recall"),
      Numbers("set_F", kNumbers, SetF, {1.0}, "weighted harmonic mean of set precision and recall"),
      Count("num_nonrel_judged_ret", NumNonrelevantJudgedRetrieved,
            "documents retrieved that are judged not relevant"),
      Plain("yaap", Yaap, "log odds of average precision"),
  };
  return kMeasures;
}

}  // namespace dear::eval
