#include "generate/generator.h"

#include <algorithm>
#include <chrono>
#include <list>
#include <utility>

#include "base/error.h"
#include "generate/stop_strings.h"

namespace dear {
namespace {

// One request on its way: prompt tokens not yet seen by the model, then one token a call.
class Sequence {
 public:
  Sequence(const GenerateRequest& request, Generated& out, Stepper& stepper,
           const std::shared_ptr<const Tokenizer>& tokenizer)
      : request_(request),
        out_(out),
        stepper_(stepper),
        sampler_(request.sampling),
        decoder_(tokenizer, /*skip_special_tokens=*/true),
        stops_(request.stop_strings),
        tokens_(request.prompt),
        id_(stepper.Add(request.adapter)) {}
  ~Sequence() { stepper_.Remove(id_); }
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  // The next step, with at most `budget` prompt tokens. A sequence that has only its newest token
  // to feed always takes part.
  Step NextStep(size_t budget) const {
    const size_t waiting = tokens_.size() - fed_;
    const size_t count = out_.ids.empty() ? std::min(waiting, budget) : waiting;
    Step step{.sequence = id_, .tokens = std::span(tokens_).subspan(fed_, count)};
    step.logits_from = count == waiting ? count - 1 : count;
    return step;
  }

  // Books a call in which `count` tokens of this sequence took part, `seconds` of its time.
  void Fed(size_t count, double seconds) {
    fed_ += count;
    ++out_.forward_passes;
    (out_.ids.empty() ? out_.prefill_seconds : out_.decode_seconds) += seconds;
  }

  // Chooses the next token. False when the sequence is finished.
  bool Take(std::span<const float> logits) {
    const TokenId token = sampler_.Next(logits, tokens_);
    tokens_.push_back(token);
    out_.ids.push_back(token);
    const std::vector<int64_t>& eos = stepper_.config().eos_ids;
    const bool ends =
        std::ranges::find(request_.stop_ids, token) != request_.stop_ids.end() ||
        (request_.use_model_eos && std::ranges::find(eos, int64_t{token}) != eos.end());
    Emit(stops_.Add(decoder_.Next(token)));
    if (stops_.found()) return Finish(StopReason::kStopString);
    if (ends) return Finish(StopReason::kEos);
    if (static_cast<int64_t>(out_.ids.size()) >= request_.max_new_tokens)
      return Finish(StopReason::kLength);
    if (static_cast<int64_t>(tokens_.size()) > stepper_.config().max_positions)
      return Finish(StopReason::kContext);
    return true;
  }

 private:
  void Emit(const std::string& text) {
    if (text.empty()) return;
    out_.text += text;
    if (request_.on_text) request_.on_text(text);
  }

  bool Finish(StopReason reason) {
    out_.reason = reason;
    if (reason != StopReason::kStopString) {
      Emit(stops_.Add(decoder_.Finish()));
      // The decoder's last bytes may have completed one.
      if (stops_.found()) out_.reason = StopReason::kStopString;
      Emit(stops_.Finish());
    }
    return false;
  }

  const GenerateRequest& request_;
  Generated& out_;
  Stepper& stepper_;
  Sampler sampler_;
  StreamDecoder decoder_;
  StopStrings stops_;
  std::vector<TokenId> tokens_;  // prompt and answer
  SequenceId id_;
  size_t fed_ = 0;  // tokens_ that the model has seen
};

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
    size_t budget = kMaxPrefillTokens;
    size_t num_tokens = 0;
    for (auto it = running.begin(); it != running.end(); ++it) {
      const Step step = it->NextStep(budget);
      if (step.tokens.empty()) continue;
      budget -= std::min(budget, step.tokens.size());
      num_tokens += step.tokens.size();
      steps.push_back(step);
      members.push_back(it);
    }
    const auto begin = std::chrono::steady_clock::now();
    const HeadOutputs outputs = stepper.Forward(steps);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();

    int64_t row = 0;
    for (size_t i = 0; i < steps.size(); ++i) {
      const size_t count = steps[i].tokens.size();
      const bool has_logits = steps[i].logits_from < count;
      members[i]->Fed(count,
                      seconds * static_cast<double>(count) / static_cast<double>(num_tokens));
      if (has_logits && !members[i]->Take(outputs.Row(row++))) running.erase(members[i]);
    }
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
