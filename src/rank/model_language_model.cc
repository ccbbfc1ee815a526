#include "rank/model_language_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace dear {
namespace {

const ModelConfig& ConfigOf(const ModelLanguageModel::Parts& parts) {
  if (!parts.model || !parts.tokenizer || !parts.pool) {
    throw Error(ErrorCode::kInvalidArgument, "language model",
                "needs a model, a tokenizer and a thread pool");
  }
  return parts.model->config();
}

}  // namespace

double LogProbability(std::span<const float> logits, TokenId token) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return static_cast<double>(logits[static_cast<size_t>(token)]) - largest - std::log(sum);
}

ModelLanguageModel::ModelLanguageModel(Parts parts, const ModelConfig& config,
                                       StepperFactory make_stepper)
    : parts_(std::move(parts)),
      max_positions_(config.max_positions),
      vocab_size_(config.vocab_size),
      has_score_head_(config.head == HeadKind::kSequenceClassification),
      make_stepper_(std::move(make_stepper)) {}

ModelLanguageModel::ModelLanguageModel(const Parts& parts)
    : ModelLanguageModel(parts, ConfigOf(parts), [parts] {
        return std::make_unique<SessionStepper>(parts.model, parts.pool, parts.prefixes);
      }) {}

void ModelLanguageModel::ChooseWhatToKeep(std::span<PrefillJob> jobs, Reuse reuse) {
  if (!parts_.prefixes) return;
  std::vector<std::span<const TokenId>> beginnings;
  for (const PrefillJob& job : jobs) {
    // What is wrong with an empty one is said when it runs.
    beginnings.push_back(job.tokens.empty() ? std::span<const TokenId>() : Shareable(job));
  }
  const std::vector<size_t> keep = prefix_policy_.Choose(beginnings, reuse);
  for (size_t i = 0; i < jobs.size(); ++i) jobs[i].keep = keep[i];
}

void ModelLanguageModel::ChooseWhatToKeep(std::span<GenerateRequest> calls) {
  if (!parts_.prefixes) return;
  std::vector<std::span<const TokenId>> beginnings;
  for (const GenerateRequest& call : calls) beginnings.emplace_back(call.prompt);
  const std::vector<size_t> keep = prefix_policy_.Choose(beginnings, Reuse::kBeginnings);
  for (size_t i = 0; i < calls.size(); ++i) calls[i].keep = keep[i];
}

std::vector<Continuation> ModelLanguageModel::Continue(std::span<const ContinueRequest> requests,
                                                       Usage* usage, const CancelFn& cancel) {
  std::vector<GenerateRequest> calls;
  for (const ContinueRequest& request : requests) {
    GenerateRequest call;
    call.prompt = request.prompt;
    call.adapter = parts_.adapter;
    call.max_new_tokens = request.max_new_tokens;
    call.sampling.temperature = request.temperature;
    call.sampling.top_k = request.top_k;
    call.sampling.top_p = request.top_p;
    call.sampling.seed = request.seed;
    call.sampling.repetition_penalty = parts_.repetition_penalty;
    call.stop_strings = request.stop_strings;
    call.on_text = request.on_text;
    call.drafter = request.drafter;
    call.constraint = request.constraint;
    usage->prompt_tokens += static_cast<int64_t>(request.prompt.size());
    calls.push_back(std::move(call));
  }
  ChooseWhatToKeep(calls);
  const std::unique_ptr<Stepper> stepper = make_stepper_();
  int64_t passes = 0;
  std::vector<Continuation> out;
  for (Generated& written : Generate(*stepper, parts_.tokenizer, calls, cancel)) {
    usage->completion_tokens += static_cast<int64_t>(written.ids.size());
    usage->cached_tokens += written.cached;
    usage->drafted_tokens += written.drafted;
    usage->accepted_tokens += written.accepted;
    usage->prefill_seconds += written.prefill_seconds;
    usage->decode_seconds += written.decode_seconds;
    passes = std::max(passes, written.forward_passes);  // the sequences share their calls
    out.push_back({std::move(written.ids), std::move(written.text),
                   written.reason == StopReason::kEos || written.reason == StopReason::kStopString,
                   written.cached, written.drafted, written.accepted, written.masked});
  }
  usage->forward_passes += passes;
  return out;
}

std::vector<std::vector<float>> ModelLanguageModel::ScoreContinuations(
    std::span<const ContinuationScoreRequest> requests, Usage* usage, const CancelFn& cancel) {
  std::vector<PrefillJob> jobs;
  std::vector<std::vector<float>> out;
  for (const ContinuationScoreRequest& request : requests) {
    if (request.prompt.empty() || request.continuation.empty()) {
      throw Error(ErrorCode::kInvalidArgument, "continuation",
                  "cannot be scored: it or the prompt before it has no tokens");
    }
    PrefillJob job;
    job.tokens = request.prompt;
    job.rows_from = request.prompt.size() - 1;
    // The last token is predicted, never fed.
    job.tokens.insert(job.tokens.end(), request.continuation.begin(),
                      request.continuation.end() - 1);
    jobs.push_back(std::move(job));
    out.emplace_back(request.continuation.size());
  }
  ChooseWhatToKeep(jobs, Reuse::kWhole);
  const std::unique_ptr<Stepper> stepper = make_stepper_();
  RunPrefill(
      *stepper, parts_.adapter, jobs, vocab_size_, usage, cancel, [&](const PrefillRows& rows) {
        parts_.pool->Run(rows.outputs.rows(), [&](int64_t row, int) {
          const size_t job = rows.jobs[static_cast<size_t>(row)];
          const size_t index = rows.positions[static_cast<size_t>(row)] - jobs[job].rows_from;
          const TokenId token = requests[job].continuation[index];
          const std::span<const float> logits = rows.outputs.Row(row);
          if (token < 0 || token >= static_cast<int64_t>(logits.size())) {
            throw Error(ErrorCode::kInvalidArgument, "continuation",
                        "token " + std::to_string(token) + " is outside the vocabulary of " +
                            std::to_string(logits.size()));
          }
          out[job][index] = static_cast<float>(LogProbability(logits, token));
        });
      });
  return out;
}

std::vector<std::vector<float>> ModelLanguageModel::Classify(
    std::span<const std::vector<TokenId>> prompts, std::span<const int64_t> positions, Usage* usage,
    const CancelFn& cancel) {
  std::vector<PrefillJob> jobs;
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (i >= positions.size() || positions[i] < 0 ||
        positions[i] >= static_cast<int64_t>(prompts[i].size())) {
      throw Error(ErrorCode::kInvalidArgument, "position", "is outside its prompt");
    }
    // What stands behind the pooled token cannot change it: attention looks back alone.
    PrefillJob job;
    job.rows_from = static_cast<size_t>(positions[i]);
    job.tokens.assign(prompts[i].begin(), prompts[i].begin() + positions[i] + 1);
    jobs.push_back(std::move(job));
  }
  std::vector<std::vector<float>> out(prompts.size());
  ChooseWhatToKeep(jobs, Reuse::kBeginnings);
  const std::unique_ptr<Stepper> stepper = make_stepper_();
  RunPrefill(*stepper, parts_.adapter, jobs, 1, usage, cancel, [&](const PrefillRows& rows) {
    for (size_t row = 0; row < rows.jobs.size(); ++row) {
      const std::span<const float> logits = rows.outputs.Row(static_cast<int64_t>(row));
      out[rows.jobs[row]].assign(logits.begin(), logits.end());
    }
  });
  return out;
}

std::vector<std::vector<float>> ModelLanguageModel::ClassifyPadded(
    std::span<const std::vector<TokenId>> prompts, TokenId pad, int64_t slots, Usage* usage,
    const CancelFn& cancel) {
  std::vector<PrefillJob> jobs;
  for (const std::vector<TokenId>& prompt : prompts) {
    PrefillJob job{.tokens = prompt};
    const auto size = static_cast<int64_t>(prompt.size());
    if (size >= slots) {
      job.tokens.resize(static_cast<size_t>(slots));
      job.rows_from = job.tokens.size() - 1;
    } else {
      job.rows_from = job.tokens.size();
      job.padded_slot = {.token = pad, .position = slots - 1};
    }
    jobs.push_back(std::move(job));
  }
  std::vector<std::vector<float>> out(prompts.size());
  ChooseWhatToKeep(jobs, Reuse::kBeginnings);
  const std::unique_ptr<Stepper> stepper = make_stepper_();
  RunPrefill(*stepper, parts_.adapter, jobs, 1, usage, cancel, [&](const PrefillRows& rows) {
    for (size_t row = 0; row < rows.jobs.size(); ++row) {
      const std::span<const float> logits = rows.outputs.Row(static_cast<int64_t>(row));
      out[rows.jobs[row]].assign(logits.begin(), logits.end());
    }
  });
  return out;
}

std::vector<std::vector<float>> ModelLanguageModel::TokenLogits(
    std::span<const std::vector<TokenId>> prompts, std::span<const TokenId> tokens, Usage* usage,
    const CancelFn& cancel) {
  std::vector<PrefillJob> jobs;
  for (const std::vector<TokenId>& prompt : prompts) {
    jobs.push_back({.tokens = prompt, .rows_from = prompt.empty() ? 0 : prompt.size() - 1});
  }
  std::vector<std::vector<float>> out(prompts.size());
  ChooseWhatToKeep(jobs, Reuse::kBeginnings);
  const std::unique_ptr<Stepper> stepper = make_stepper_();
  RunPrefill(
      *stepper, parts_.adapter, jobs, vocab_size_, usage, cancel, [&](const PrefillRows& rows) {
        for (size_t row = 0; row < rows.jobs.size(); ++row) {
          const std::span<const float> logits = rows.outputs.Row(static_cast<int64_t>(row));
          for (const TokenId token : tokens) {
            if (token < 0 || token >= static_cast<int64_t>(logits.size())) {
              throw Error(ErrorCode::kInvalidArgument, "answer",
                          "token " + std::to_string(token) + " is outside the vocabulary of " +
                              std::to_string(logits.size()));
            }
            out[rows.jobs[row]].push_back(logits[static_cast<size_t>(token)]);
          }
        }
      });
  return out;
}

std::vector<std::vector<float>> ModelLanguageModel::NextTokenLogits(
    std::span<const std::vector<TokenId>> prompts, Usage* usage, const CancelFn& cancel) {
  std::vector<PrefillJob> jobs;
  for (const std::vector<TokenId>& prompt : prompts) {
    jobs.push_back({.tokens = prompt, .rows_from = prompt.empty() ? 0 : prompt.size() - 1});
  }
  std::vector<std::vector<float>> out(prompts.size());
  ChooseWhatToKeep(jobs, Reuse::kBeginnings);
  const std::unique_ptr<Stepper> stepper = make_stepper_();
  RunPrefill(*stepper, parts_.adapter, jobs, vocab_size_, usage, cancel,
             [&](const PrefillRows& rows) {
               for (size_t row = 0; row < rows.jobs.size(); ++row) {
                 const std::span<const float> logits = rows.outputs.Row(static_cast<int64_t>(row));
                 out[rows.jobs[row]].assign(logits.begin(), logits.end());
               }
             });
  return out;
}

}  // namespace dear
