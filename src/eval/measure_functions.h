#ifndef DEAR_EVAL_MEASURE_FUNCTIONS_H_
#define DEAR_EVAL_MEASURE_FUNCTIONS_H_

#include "eval/measure.h"

namespace dear::eval {

// In a geometric mean, a query's value below this counts as this.
inline constexpr double kMinGeometricMean = .00001;

// Each follows trec_eval 9.0.8's function of the same measure operation by operation, so that the
// doubles are the same bit by bit. docs/evaluation.md has the formulas.

// measures_counts.cc: what is counted or read off.
void NumRetrieved(const MeasureInput& input, double* values);
void NumRelevant(const MeasureInput& input, double* values);
void NumRelevantRetrieved(const MeasureInput& input, double* values);
void NumNonrelevantJudgedRetrieved(const MeasureInput& input, double* values);
void NumQueries(const MeasureInput& input, double* values);
void Utility(const MeasureInput& input, double* values);
void SetPrecision(const MeasureInput& input, double* values);
void SetRelativePrecision(const MeasureInput& input, double* values);
void SetRecall(const MeasureInput& input, double* values);
void SetMap(const MeasureInput& input, double* values);
void SetF(const MeasureInput& input, double* values);

// measures_precision.cc: from precision at ranks.
void Map(const MeasureInput& input, double* values);
void LogMap(const MeasureInput& input, double* values);
void MapAtCutoffs(const MeasureInput& input, double* values);
void Yaap(const MeasureInput& input, double* values);
void RPrecision(const MeasureInput& input, double* values);
void RPrecisionMultiples(const MeasureInput& input, double* values);
void ReciprocalRank(const MeasureInput& input, double* values);
void PrecisionAtCutoffs(const MeasureInput& input, double* values);
void RelativePrecisionAtCutoffs(const MeasureInput& input, double* values);
void RecallAtCutoffs(const MeasureInput& input, double* values);
void SuccessAtCutoffs(const MeasureInput& input, double* values);
void InterpolatedPrecision(const MeasureInput& input, double* values);
void ElevenPointAverage(const MeasureInput& input, double* values);
void BinaryG(const MeasureInput& input, double* values);

// measures_preference.cc: from judged documents alone.
void Bpref(const MeasureInput& input, double* values);
void LogBpref(const MeasureInput& input, double* values);
void InferredAp(const MeasureInput& input, double* values);

// measures_gain.cc: from graded gains.
void Ndcg(const MeasureInput& input, double* values);
void NdcgAtCutoffs(const MeasureInput& input, double* values);
void NdcgAtRelevant(const MeasureInput& input, double* values);
void NdcgAtLevels(const MeasureInput& input, double* values);
void NormalizedG(const MeasureInput& input, double* values);

// The relevances of the first documents as characters (trec_eval's relstring): a digit, '>' above
// 9, '-' not in the pool, '.' in the pool and not judged.
std::string RelevanceString(const MeasureInput& input);

}  // namespace dear::eval

#endif  // DEAR_EVAL_MEASURE_FUNCTIONS_H_
