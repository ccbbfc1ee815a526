#ifndef DEAR_RANK_MODEL_LANGUAGE_MODEL_H_
#define DEAR_RANK_MODEL_LANGUAGE_MODEL_H_

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "generate/generator.h"
#include "generate/stepper.h"
#include "rank/language_model.h"
#include "rank/prefill.h"
#include "rank/prefix_policy.h"

namespace dear {

// The real LanguageModel: a model, perhaps through an adapter. Every call works in a session of its
// own; one object may serve several threads one call at a time.
class ModelLanguageModel final : public LanguageModel {
 public:
  struct Parts {
    std::shared_ptr<const Model> model;
    std::shared_ptr<const Adapter> adapter;  // null: the base alone
    std::shared_ptr<const Tokenizer> tokenizer;
    std::shared_ptr<ThreadPool> pool;
    double repetition_penalty = 1;  // of generation_config.json
    // Where beginnings of prompts are kept between calls; those that share it take turns. Null:
    // nowhere.
    std::shared_ptr<PrefixCache> prefixes = nullptr;
  };
  explicit ModelLanguageModel(const Parts& parts);
  // With a model that is not there (tests): `make_stepper` in place of sessions over parts.model.
  using StepperFactory = std::function<std::unique_ptr<Stepper>()>;
  ModelLanguageModel(Parts parts, const ModelConfig& config, StepperFactory make_stepper);

  const Tokenizer& tokenizer() const override { return *parts_.tokenizer; }
  int64_t max_positions() const override { return max_positions_; }
  bool has_score_head() const override { return has_score_head_; }

  std::vector<Continuation> Continue(std::span<const ContinueRequest> requests, Usage* usage,
                                     const CancelFn& cancel) override;
  std::vector<std::vector<float>> ScoreContinuations(
      std::span<const ContinuationScoreRequest> requests, Usage* usage,
      const CancelFn& cancel) override;
  std::vector<std::vector<float>> Classify(std::span<const std::vector<TokenId>> prompts,
                                           std::span<const int64_t> positions, Usage* usage,
                                           const CancelFn& cancel) override;
  std::vector<std::vector<float>> ClassifyPadded(std::span<const std::vector<TokenId>> prompts,
                                                 TokenId pad, int64_t slots, Usage* usage,
                                                 const CancelFn& cancel) override;
  std::vector<std::vector<float>> TokenLogits(std::span<const std::vector<TokenId>> prompts,
                                              std::span<const TokenId> tokens, Usage* usage,
                                              const CancelFn& cancel) override;
  std::vector<std::vector<float>> NextTokenLogits(std::span<const std::vector<TokenId>> prompts,
                                                  Usage* usage, const CancelFn& cancel) override;

 private:
  // Says what of each prompt is kept; nothing where there is no place for it.
  void ChooseWhatToKeep(std::span<PrefillJob> jobs, Reuse reuse);
  void ChooseWhatToKeep(std::span<GenerateRequest> calls);

  Parts parts_;
  int64_t max_positions_;
  int64_t vocab_size_;
  bool has_score_head_;
  StepperFactory make_stepper_;
  PrefixPolicy prefix_policy_;
};

// log(softmax(logits)[token]), summed in double.
double LogProbability(std::span<const float> logits, TokenId token);

}  // namespace dear

#endif  // DEAR_RANK_MODEL_LANGUAGE_MODEL_H_
