#include "rank/prefill.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/error.h"

namespace dear {
namespace {

// Sequences that a call has begun; what is left of them goes even when a call throws.
class OpenSequences {
 public:
  explicit OpenSequences(Stepper& stepper) : stepper_(stepper) {}
  ~OpenSequences() { Close(); }
  OpenSequences(const OpenSequences&) = delete;
  OpenSequences& operator=(const OpenSequences&) = delete;

  SequenceId Open(const std::shared_ptr<const Adapter>& adapter) {
    ids_.push_back(stepper_.Add(adapter));
    return ids_.back();
  }
  void Close(std::optional<SequenceId> except = {}) {
    for (const SequenceId id : ids_) {
      if (id != except) stepper_.Remove(id);
    }
    ids_.clear();
    if (except) ids_.push_back(*except);
  }

 private:
  Stepper& stepper_;
  std::vector<SequenceId> ids_;
};

// The place in the jobs up to which the model has seen them.
struct Cursor {
  size_t job = 0;
  size_t token = 0;
  SequenceId sequence = -1;  // of a job that is split
};

}  // namespace

void RunPrefill(Stepper& stepper, const std::shared_ptr<const Adapter>& adapter,
                std::span<const PrefillJob> jobs, int64_t row_width, Usage* usage,
                const CancelFn& cancel, const std::function<void(const PrefillRows&)>& on_rows) {
  const size_t max_rows =
      std::max<size_t>(1, kMaxPackedValues / static_cast<size_t>(std::max<int64_t>(1, row_width)));
  for (const PrefillJob& job : jobs) {
    if (job.tokens.empty()) {
      throw Error(ErrorCode::kInvalidArgument, "prompt", "is empty: there is nothing to score");
    }
  }
  OpenSequences sequences(stepper);
  Cursor at;
  while (at.job < jobs.size()) {
    if (cancel && cancel()) {
      throw Error(ErrorCode::kCancelled, "scoring", "stopped before it was finished");
    }
    std::vector<Step> steps;
    std::vector<size_t> row_jobs, row_positions, padded_jobs;
    std::vector<Step> padded_steps;
    size_t tokens = 0;
    while (at.job < jobs.size() && tokens < kMaxPackedTokens && row_jobs.size() < max_rows) {
      const PrefillJob& job = jobs[at.job];
      if (at.token == 0) at.sequence = sequences.Open(adapter);
      size_t end = std::min(job.tokens.size(), at.token + kMaxPackedTokens - tokens);
      const size_t first_row = std::max(at.token, job.rows_from);
      if (end > first_row) end = std::min(end, first_row + max_rows - row_jobs.size());
      steps.push_back({.sequence = at.sequence,
                       .tokens = std::span(job.tokens).subspan(at.token, end - at.token),
                       .logits_from = std::min(first_row, end) - at.token});
      for (size_t position = first_row; position < end; ++position) {
        row_jobs.push_back(at.job);
        row_positions.push_back(position);
      }
      tokens += end - at.token;
      at.token = end;
      if (end < job.tokens.size()) break;
      if (job.padded_slot.position >= 0) {
        padded_jobs.push_back(at.job);
        padded_steps.push_back({.sequence = at.sequence,
                                .tokens = std::span(&job.padded_slot.token, 1),
                                .logits_from = 0,
                                .padded_slot = job.padded_slot.position});
      }
      at = {.job = at.job + 1, .token = 0, .sequence = -1};
    }
    const auto run = [&](const std::vector<Step>& call, size_t count, std::vector<size_t> jobs_of,
                         std::vector<size_t> positions_of) {
      const auto begin = std::chrono::steady_clock::now();
      const HeadOutputs outputs = stepper.Forward(call);
      usage->prefill_seconds +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      usage->prompt_tokens += static_cast<int64_t>(count);
      ++usage->forward_passes;
      if (outputs.rows() != static_cast<int64_t>(jobs_of.size())) {
        throw Error(ErrorCode::kInternal, "scoring", "the model gave another number of rows");
      }
      on_rows({outputs, std::move(jobs_of), std::move(positions_of)});
    };
    run(steps, tokens, std::move(row_jobs), std::move(row_positions));
    if (!padded_steps.empty()) {
      std::vector<size_t> positions;
      positions.reserve(padded_jobs.size());
      for (const size_t job : padded_jobs) {
        positions.push_back(static_cast<size_t>(jobs[job].padded_slot.position));
      }
      run(padded_steps, padded_steps.size(), std::move(padded_jobs), std::move(positions));
    }
    sequences.Close(at.token > 0 ? std::optional(at.sequence) : std::nullopt);
  }
}

}  // namespace dear
