#include "generate/generator.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <list>
#include <utility>

#include "base/error.h"
#include "generate/sequence.h"

namespace dear {
namespace {

void Check(const GenerateRequest& request, const ModelConfig& config) {
  const auto fail = [](const std::string& message) {
    throw Error(ErrorCode::kInvalidArgument, "prompt", message);
  };
  if (config.head != HeadKind::kCausalLm)
    fail("cannot be continued: the model is a classifier and writes no text");
  if (request.prompt.empty()) fail("is empty: there is nothing to continue");
  if (static_cast<int64_t>(request.prompt.size()) > config.max_positions) {
    fail("has " + std::to_string(request.prompt.size()) + " tokens, the model's context holds " +
         std::to_string(config.max_positions));
  }
  if (request.max_new_tokens < 0)
    throw Error(ErrorCode::kInvalidArgument, "max_new_tokens", "must not be negative");
}

}  // namespace

std::string_view StopReasonName(StopReason reason) {
  switch (reason) {
    case StopReason::kEos: return "eos";
    case StopReason::kStopString: return "stop_string";
    case StopReason::kLength: return "length";
    case StopReason::kContext: return "context";
  }
  return "unknown";
}

std::vector<Generated> Generate(Stepper& stepper, const std::shared_ptr<const Tokenizer>& tokenizer,
                                std::span<const GenerateRequest> requests, const CancelFn& cancel) {
  for (const GenerateRequest& request : requests) {
    Check(request, stepper.config());
    Sampler{request.sampling};  // refuses bad options before any work
  }
  std::vector<Generated> out(requests.size());
  std::list<Sequence> running;
  size_t next_request = 0;
  while (true) {
    for (; next_request < requests.size() && running.size() < kMaxRunningSequences;
         ++next_request) {
      const GenerateRequest& request = requests[next_request];
      if (request.max_new_tokens > 0)
        running.emplace_back(request, out[next_request], stepper, tokenizer);
    }
    if (running.empty()) return out;
    if (cancel && cancel())
      throw Error(ErrorCode::kCancelled, "generation", "stopped before it was finished");

    std::vector<Step> steps;
    std::vector<std::list<Sequence>::iterator> members;
    size_t prompt_room = kMaxPrefillTokens;
    size_t draft_room = kMaxDraftedTokens;
    size_t num_tokens = 0;
    // Where others wait, each place that becomes free is taken: every saved token counts.
    size_t least_kept = std::numeric_limits<size_t>::max();
    for (const Sequence& sequence : running) {
      if (next_request == requests.size())
        least_kept = std::min(least_kept, sequence.kept_tokens());
    }
    for (auto it = running.begin(); it != running.end(); ++it) {
      const Step step = it->NextStep({.prompt_tokens = prompt_room,
                                      .draft_tokens = draft_room,
                                      .sharing = running.size(),
                                      .least_kept = least_kept});
      if (step.tokens.empty()) continue;
      prompt_room -= std::min(prompt_room, step.tokens.size());
      draft_room -= it->draft_tokens();
      num_tokens += step.tokens.size();
      steps.push_back(step);
      members.push_back(it);
    }
    const auto begin = std::chrono::steady_clock::now();
    const HeadOutputs outputs = stepper.Forward(steps);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();

    int64_t row = 0;
    double left = 0;  // by those that finish
    for (size_t i = 0; i < steps.size(); ++i) {
      const size_t count = steps[i].tokens.size();
      std::vector<Drafter::Logits> rows;
      for (size_t r = steps[i].logits_from; r < count; ++r) rows.push_back(outputs.Row(row++));
      if (!members[i]->Take(
              rows, seconds * static_cast<double>(count) / static_cast<double>(num_tokens))) {
        left += members[i]->Unspent();
        running.erase(members[i]);
      }
    }
    for (Sequence& sequence : running) sequence.Inherit(left / static_cast<double>(running.size()));
  }
}

std::vector<Generated> Generate(const std::shared_ptr<const Model>& model,
                                const std::shared_ptr<ThreadPool>& pool,
                                const std::shared_ptr<const Tokenizer>& tokenizer,
                                std::span<const GenerateRequest> requests, const CancelFn& cancel) {
  SessionStepper stepper(model, pool);
  return Generate(stepper, tokenizer, requests, cancel);
}

}  // namespace dear
