#ifndef DEAR_GENERATE_STEPPER_H_
#define DEAR_GENERATE_STEPPER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "model/session.h"

namespace dear {

// What generation asks of a session, so that its logic is tested without weights.
class Stepper {
 public:
  virtual ~Stepper() = default;

  virtual SequenceId Add(std::shared_ptr<const Adapter> adapter) = 0;
  // A copy of the first `length` tokens of `source`, through the same adapter.
  virtual SequenceId Fork(SequenceId source, int64_t length) = 0;
  // A sequence that begins with tokens of an earlier one.
  struct Begun {
    SequenceId sequence = -1;
    size_t held = 0;  // tokens that it holds
  };
  // A new sequence that holds a beginning of `tokens` of more than `least` tokens, where one was
  // kept of an earlier sequence through the same adapter. Those that keep nothing leave it so.
  virtual std::optional<Begun> Begin(const std::shared_ptr<const Adapter>& /*adapter*/,
                                     std::span<const int32_t> /*tokens*/, size_t /*least*/) {
    return std::nullopt;
  }
  // Keeps `tokens`, which the sequence begins with, for later ones.
  virtual void Keep(SequenceId /*sequence*/, std::span<const int32_t> /*tokens*/) {}
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
  // `prefixes`: where beginnings of sequences are kept; null: nowhere.
  SessionStepper(std::shared_ptr<const Model> model, std::shared_ptr<ThreadPool> pool,
                 std::shared_ptr<PrefixCache> prefixes = nullptr)
      : session_(std::move(model), std::move(pool)), prefixes_(std::move(prefixes)) {}

  SequenceId Add(std::shared_ptr<const Adapter> adapter) override {
    return session_.Add(std::move(adapter));
  }
  SequenceId Fork(SequenceId source, int64_t length) override {
    return session_.Fork(source, length);
  }
  std::optional<Begun> Begin(const std::shared_ptr<const Adapter>& adapter,
                             std::span<const int32_t> tokens, size_t least) override {
    if (!prefixes_) return std::nullopt;
    const SequenceId id = session_.AddFrom(*prefixes_, adapter, tokens);
    const auto held = static_cast<size_t>(session_.Length(id));
    if (held > least) return Begun{.sequence = id, .held = held};
    session_.Remove(id);
    return std::nullopt;
  }
  void Keep(SequenceId sequence, std::span<const int32_t> tokens) override {
    if (prefixes_) session_.KeepIn(*prefixes_, sequence, tokens);
  }
  void Remove(SequenceId sequence) override { session_.Remove(sequence); }
  void Truncate(SequenceId sequence, int64_t length) override {
    session_.Truncate(sequence, length);
  }
  HeadOutputs Forward(std::span<const Step> steps) override { return session_.Forward(steps); }
  const ModelConfig& config() const override { return session_.model().config(); }

 private:
  Session session_;
  std::shared_ptr<PrefixCache> prefixes_;
};

}  // namespace dear

#endif  // DEAR_GENERATE_STEPPER_H_
