#ifndef DEAR_TRAIN_SCORE_READER_H_
#define DEAR_TRAIN_SCORE_READER_H_

#include <cstdint>
#include <memory>

#include "kernels/backward_ops.h"
#include "rank/recipe.h"
#include "text/tokenizer.h"

namespace dear {

// Head outputs [count, width] of rows that have a part in scores.
struct ScoreRows {
  int64_t count = 0;
  int64_t width = 0;
  const TokenId* targets = nullptr;  // [count] what each row predicts, where scores are likelihoods
};

// How scores are read from head outputs: a passage's score is the sum of the values of its rows.
class ScoreReader {
 public:
  virtual ~ScoreReader() = default;
  virtual void Values(BackwardOps& ops, const ScoreRows& rows, const float* outputs,
                      double* values) const = 0;
  // In place of the outputs, the gradient of the sum of dvalues[r] * values[r].
  virtual void Gradients(BackwardOps& ops, const ScoreRows& rows, const float* dvalues,
                         float* outputs) const = 0;
};

// The scores by which a recipe orders passages, before its transform, from the outputs of a head
// of recipe.score.head: pointwise, an output or the difference of two; query likelihood, the
// log-probability of the query, which is the mean that ranking orders by times its tokens. Values
// and Gradients throw kInvalidArgument where the head has too few outputs. Throws kInvalidArgument
// where recipe and tokenizer do not fit.
std::shared_ptr<const ScoreReader> MakeScoreReader(const Recipe& recipe,
                                                   const Tokenizer& tokenizer);

}  // namespace dear

#endif  // DEAR_TRAIN_SCORE_READER_H_
