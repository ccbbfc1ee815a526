#include "rank/prefill.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "base/error.h"
#include "rank/shared_prefixes.h"

namespace dear {
namespace {

// Sequences that a run has begun; what is left of them goes even when a call throws.
class OpenSequences {
 public:
  explicit OpenSequences(Stepper& stepper) : stepper_(stepper) {}
  ~OpenSequences() {
    for (const SequenceId id : ids_) stepper_.Remove(id);
  }
  OpenSequences(const OpenSequences&) = delete;
  OpenSequences& operator=(const OpenSequences&) = delete;

  SequenceId Take(SequenceId id) {
    ids_.insert(id);
    return id;
  }
  void Close(SequenceId id) {
    if (ids_.erase(id) > 0) stepper_.Remove(id);
  }

 private:
  Stepper& stepper_;
  std::set<SequenceId> ids_;
};

// Tokens to feed to one sequence: all of a job, or what a shared beginning adds to its parent's.
struct Item {
  std::span<const TokenId> tokens;  // from the first of the sequence
  size_t begin = 0;                 // tokens that the sequence holds at first: a shared beginning's
  SequenceId from = -1;             // the sequence that holds them; none where `begin` is 0
  size_t rows_from = 0;
  PaddedSlot padded_slot = {};
  size_t reusable = 0;  // tokens of its beginning that may have been kept
  size_t keep = 0;      // that are to be
  bool stays = false;   // the sequence stays open for those that fork from it
};

class PrefillRun {
 public:
  PrefillRun(Stepper& stepper, const std::shared_ptr<const Adapter>& adapter, int64_t row_width,
             Usage* usage, const CancelFn& cancel,
             const std::function<void(const PrefillRows&)>& on_rows)
      : stepper_(stepper),
        adapter_(adapter),
        max_rows_(std::max<size_t>(
            1, kMaxPackedValues / static_cast<size_t>(std::max<int64_t>(1, row_width)))),
        usage_(usage),
        cancel_(cancel),
        on_rows_(on_rows),
        sequences_(stepper) {}

  // Packs the items into calls. Returns the sequence of each; closed unless it stays.
  std::vector<SequenceId> Run(std::span<const Item> items) {
    std::vector<SequenceId> ids(items.size(), -1);
    size_t index = 0;
    size_t token = 0;  // of that item: fed so far
    while (index < items.size()) {
      if (cancel_ && cancel_())
        throw Error(ErrorCode::kCancelled, "scoring", "stopped before it was finished");
      Call call;
      std::vector<Step> padded_steps;
      std::vector<size_t> padded_items;
      std::vector<size_t> finished;
      while (index < items.size() && call.tokens < kMaxPackedTokens &&
             call.items.size() < max_rows_) {
        const Item& item = items[index];
        if (ids[index] < 0) {
          const Stepper::Begun begun = Begin(item);
          ids[index] = begun.sequence;
          token = begun.held;
        }
        if (token < item.tokens.size()) token = Pack(item, ids[index], index, token, call);
        if (token < item.tokens.size()) break;
        if (item.padded_slot.position >= 0) {
          padded_items.push_back(index);
          padded_steps.push_back({.sequence = ids[index],
                                  .tokens = std::span(&item.padded_slot.token, 1),
                                  .logits_from = 0,
                                  .padded_slot = item.padded_slot.position});
        }
        finished.push_back(index);
        ++index;
      }
      if (!call.steps.empty()) Forward(std::move(call));
      if (!padded_steps.empty()) {
        Call slots{.steps = std::move(padded_steps), .tokens = padded_items.size()};
        for (const size_t item : padded_items)
          slots.positions.push_back(static_cast<size_t>(items[item].padded_slot.position));
        slots.items = std::move(padded_items);
        usage_->prompt_tokens += static_cast<int64_t>(slots.tokens);
        Forward(std::move(slots));
      }
      for (const size_t item : finished) {
        if (items[item].keep > 0)
          stepper_.Keep(ids[item], items[item].tokens.first(items[item].keep));
        if (!items[item].stays) sequences_.Close(ids[item]);
      }
    }
    return ids;
  }

 private:
  struct Call {
    std::vector<Step> steps;
    size_t tokens = 0;
    // Of each head output that it gives.
    std::vector<size_t> items, positions;
  };

  // Opens the item's sequence: behind what was kept, where that is more than the beginning that it
  // shares.
  Stepper::Begun Begin(const Item& item) {
    const auto kept = stepper_.Begin(adapter_, item.tokens.first(item.reusable), item.begin);
    if (kept) {
      usage_->cached_tokens += static_cast<int64_t>(kept->held - item.begin);
      return {.sequence = sequences_.Take(kept->sequence), .held = kept->held};
    }
    const SequenceId id = sequences_.Take(
        item.begin == 0 ? stepper_.Add(adapter_)
                        : stepper_.Fork(item.from, static_cast<int64_t>(item.begin)));
    return {.sequence = id, .held = item.begin};
  }

  // Puts the item's next tokens into the call; returns how many are fed then.
  size_t Pack(const Item& item, SequenceId sequence, size_t index, size_t token, Call& call) const {
    size_t end = std::min(item.tokens.size(), token + kMaxPackedTokens - call.tokens);
    const size_t first_row = std::max(token, item.rows_from);
    if (end > first_row) end = std::min(end, first_row + max_rows_ - call.items.size());
    call.steps.push_back({.sequence = sequence,
                          .tokens = item.tokens.subspan(token, end - token),
                          .logits_from = std::min(first_row, end) - token});
    for (size_t position = first_row; position < end; ++position) {
      call.items.push_back(index);
      call.positions.push_back(position);
    }
    call.tokens += end - token;
    return end;
  }

  void Forward(Call call) {
    const auto begin = std::chrono::steady_clock::now();
    const HeadOutputs outputs = stepper_.Forward(call.steps);
    usage_->prefill_seconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    ++usage_->forward_passes;
    if (outputs.rows() != static_cast<int64_t>(call.items.size()))
      throw Error(ErrorCode::kInternal, "scoring", "the model gave another number of rows");
    if (!call.items.empty()) on_rows_({outputs, std::move(call.items), std::move(call.positions)});
  }

  Stepper& stepper_;
  const std::shared_ptr<const Adapter>& adapter_;
  size_t max_rows_;
  Usage* usage_;
  const CancelFn& cancel_;
  const std::function<void(const PrefillRows&)>& on_rows_;
  OpenSequences sequences_;
};

// Computes the shared beginnings, those without a parent first, all of one depth side by side.
// Returns their sequences.
std::vector<SequenceId> RunShared(const SharedPrefixes& shared, std::span<const PrefillJob> jobs,
                                  PrefillRun& run) {
  const size_t count = shared.prefixes.size();
  std::vector<SequenceId> ids(count, -1);
  std::vector<size_t> depth(count, 0);
  size_t deepest = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t parent = shared.prefixes[i].parent;
    if (parent != SharedPrefix::kNone) depth[i] = depth[parent] + 1;
    deepest = std::max(deepest, depth[i]);
  }
  for (size_t level = 0; count > 0 && level <= deepest; ++level) {
    std::vector<Item> items;
    std::vector<size_t> members;
    for (size_t i = 0; i < count; ++i) {
      if (depth[i] != level) continue;
      const SharedPrefix& prefix = shared.prefixes[i];
      Item item{.tokens = std::span(jobs[prefix.prompt].tokens).first(prefix.length),
                .rows_from = prefix.length,
                .reusable = prefix.length,
                .stays = true};
      if (prefix.parent != SharedPrefix::kNone) {
        item.begin = shared.prefixes[prefix.parent].length;
        item.from = ids[prefix.parent];
      }
      items.push_back(item);
      members.push_back(i);
    }
    const std::vector<SequenceId> made = run.Run(items);
    for (size_t i = 0; i < members.size(); ++i) ids[members[i]] = made[i];
  }
  return ids;
}

}  // namespace

std::span<const TokenId> Shareable(const PrefillJob& job) {
  return std::span(job.tokens).first(std::min(job.rows_from, job.tokens.size() - 1));
}

void RunPrefill(Stepper& stepper, const std::shared_ptr<const Adapter>& adapter,
                std::span<const PrefillJob> jobs, int64_t row_width, Usage* usage,
                const CancelFn& cancel, const std::function<void(const PrefillRows&)>& on_rows) {
  std::vector<std::span<const TokenId>> shareable;
  for (const PrefillJob& job : jobs) {
    if (job.tokens.empty()) {
      throw Error(ErrorCode::kInvalidArgument, "prompt", "is empty: there is nothing to score");
    }
    shareable.push_back(Shareable(job));
  }
  const SharedPrefixes shared = FindSharedPrefixes(shareable);
  PrefillRun run(stepper, adapter, row_width, usage, cancel, on_rows);
  const std::vector<SequenceId> prefixes = RunShared(shared, jobs, run);
  std::vector<Item> items;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const PrefillJob& job = jobs[i];
    Item item{.tokens = job.tokens,
              .rows_from = job.rows_from,
              .padded_slot = job.padded_slot,
              .reusable = shareable[i].size(),
              .keep = job.keep};
    usage->prompt_tokens += static_cast<int64_t>(job.tokens.size());
    if (const size_t own = shared.of_prompt[i]; own != SharedPrefix::kNone) {
      item.begin = shared.prefixes[own].length;
      item.from = prefixes[own];
      usage->shared_tokens += static_cast<int64_t>(item.begin);
    }
    items.push_back(item);
  }
  for (const SharedPrefix& prefix : shared.prefixes) {
    const bool has_parent = prefix.parent != SharedPrefix::kNone;
    usage->shared_tokens -= static_cast<int64_t>(
        prefix.length - (has_parent ? shared.prefixes[prefix.parent].length : 0));
  }
  run.Run(items);
}

}  // namespace dear
