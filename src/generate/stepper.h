#ifndef DEAR_GENERATE_STEPPER_H_
#define DEAR_GENERATE_STEPPER_H_

#include <cstdint>
#include <memory>
#include <span>

#include "model/session.h"

namespace dear {

// What generation asks of a session, so that its logic is tested without weights.
class Stepper {
 public:
  virtual ~Stepper() = default;

  virtual SequenceId Add(std::shared_ptr<const Adapter> adapter) = 0;
  // A copy of the first `length` tokens of `source`, through the same adapter.
  virtual SequenceId Fork(SequenceId source, int64_t length) = 0;
  virtual void Remove(SequenceId sequence) = 0;
  // Forgets the tokens of a sequence from `length` on.
  virtual void Truncate(SequenceId sequence, int64_t length) = 0;
  virtual HeadOutputs Forward(std::span<const Step> steps) = 0;
  virtual const ModelConfig& config() const = 0;
  // What a call costs before its first row, in rows: widening weights, or reading them. Of the
  // reference computation bench/pass_cost.cc measures 9 on SmolLM2-135M in Q4_1 with AVX-512; too
  // low a figure only makes drafts shorter.
  virtual double pass_rows() const { return 8; }
};

class SessionStepper : public Stepper {
 public:
  SessionStepper(std::shared_ptr<const Model> model, std::shared_ptr<ThreadPool> pool)
      : session_(std::move(model), std::move(pool)) {}

  SequenceId Add(std::shared_ptr<const Adapter> adapter) override {
    return session_.Add(std::move(adapter));
  }
  SequenceId Fork(SequenceId source, int64_t length) override {
    return session_.Fork(source, length);
  }
  void Remove(SequenceId sequence) override { session_.Remove(sequence); }
  void Truncate(SequenceId sequence, int64_t length) override {
    session_.Truncate(sequence, length);
  }
  HeadOutputs Forward(std::span<const Step> steps) override { return session_.Forward(steps); }
  const ModelConfig& config() const override { return session_.model().config(); }

 private:
  Session session_;
};

}  // namespace dear

#endif  // DEAR_GENERATE_STEPPER_H_
