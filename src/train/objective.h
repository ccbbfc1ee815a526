#ifndef DEAR_TRAIN_OBJECTIVE_H_
#define DEAR_TRAIN_OBJECTIVE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "model/training_pass.h"

namespace dear {

// Some items of a training set, encoded: what one forward and backward pass takes.
class MicroBatch {
 public:
  virtual ~MicroBatch() = default;
  // What the loss of a step is divided by, summed over its micro-batches: the tokens that are
  // predicted, or the queries. 0: there is nothing to learn here.
  virtual int64_t weight() const = 0;
  virtual int64_t tokens() const = 0;  // that go through the model
  // The most tokens that are in memory at once.
  virtual int64_t tokens_at_once() const { return tokens(); }

  // Adds the gradients of scale * (the sum of the losses) and returns that sum, unscaled.
  virtual double Step(TrainingPass& pass, double scale) = 0;
  // The sum alone.
  virtual double Evaluate(TrainingPass& pass) = 0;
};

// What an item will take.
struct ItemSize {
  int64_t tokens = 0;  // in memory at once
  int64_t weight = 0;
};

// What is learned from which items. Immutable, so that batches may be prepared ahead.
class Objective {
 public:
  virtual ~Objective() = default;
  virtual size_t size() const = 0;  // items of an epoch
  // `epoch` counts from 0: an objective may choose anew in each.
  virtual std::unique_ptr<MicroBatch> Prepare(std::span<const size_t> items,
                                              int64_t epoch) const = 0;
  // Of the item alone, in the first epoch. Safe to call from several threads.
  virtual ItemSize SizeOf(size_t item) const {
    const auto batch = Prepare(std::span(&item, 1), 0);
    return {.tokens = batch->tokens_at_once(), .weight = batch->weight()};
  }
};

}  // namespace dear

#endif  // DEAR_TRAIN_OBJECTIVE_H_
