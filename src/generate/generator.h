#ifndef DEAR_GENERATE_GENERATOR_H_
#define DEAR_GENERATE_GENERATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "model/session.h"
#include "text/tokenizer.h"

namespace dear {

struct SamplingOptions {
  // 0 means greedy: the largest logit, the lowest id among equals, as torch.argmax.
  double temperature = 0;
  double top_p = 1;
  uint64_t seed = 0;
};

enum class StopReason { kEos, kStopString, kLength, kContext };

struct GenerateRequest {
  std::vector<TokenId> prompt;  // not empty
  std::shared_ptr<const Adapter> adapter;
  int64_t max_new_tokens = 0;
  SamplingOptions sampling;
  std::vector<TokenId> stop_ids;  // the model's eos ids where empty
  bool use_model_eos = true;
  std::vector<std::string>
      stop_strings;  // generation ends when one appears; it is cut off the text
  // Final pieces of text as they come.
  std::function<void(std::string_view piece)> on_text;
};

struct Generated {
  std::vector<TokenId> ids;  // the stop id included, as transformers' generate returns it
  std::string text;          // special tokens skipped, stop string cut
  StopReason reason = StopReason::kLength;
  int64_t forward_passes = 0;
  double prefill_seconds = 0;
  double decode_seconds = 0;
};

// Continues several prompts at once; each answer has the bits that it would have alone.
std::vector<Generated> Generate(const std::shared_ptr<const Model>& model,
                                const std::shared_ptr<ThreadPool>& pool,
                                const std::shared_ptr<const Tokenizer>& tokenizer,
                                std::span<const GenerateRequest> requests,
                                const CancelFn& cancel = {});

}  // namespace dear

#endif  // DEAR_GENERATE_GENERATOR_H_
