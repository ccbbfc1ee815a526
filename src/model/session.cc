#include "model/session.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string>

#include "base/error.h"
#include "kernels/backend.h"
#include "model/forward.h"
#include "model/kv_cache.h"
#include "model/padded_slot.h"

namespace dear {
namespace {

// Rows that run through the layers together: more would only grow the workspace.
constexpr int64_t kRowsPerRun = 512;

struct Sequence {
  std::shared_ptr<const Adapter> adapter;
  KvCache cache;
};

// Where a step goes on: tokens done so far.
struct Progress {
  const Step* step;
  Sequence* sequence;
  size_t done = 0;
};

}  // namespace

struct Session::Impl {
  Impl(const Model& base, std::unique_ptr<Backend> ops)
      : model(base),
        backend(std::move(ops)),
        forward(base, *backend),
        layout(KvLayoutOf(base.config())) {}

  Sequence& Find(SequenceId id) {
    const auto found = sequences.find(id);
    if (found != sequences.end()) return found->second;
    throw Error(ErrorCode::kInvalidArgument, "sequence " + std::to_string(id), "is not there");
  }

  int64_t VocabSize(const Sequence& sequence) const {
    const Adapter* adapter = sequence.adapter.get();
    const ModuleDelta* delta = adapter == nullptr ? nullptr : adapter->delta(model.embedding().id);
    return delta != nullptr && delta->replaced_weight ? delta->replaced_weight->rows()
                                                      : model.config().vocab_size;
  }

  // Checks everything that may be wrong with a call before anything changes.
  std::vector<Progress> Check(std::span<const Step> steps);
  // The next rows of the call, at most kRowsPerRun.
  PackedRows NextRows(std::vector<Progress>& progress) const;

  const Model& model;
  std::unique_ptr<Backend> backend;
  ForwardPass forward;
  KvLayout layout;
  std::map<SequenceId, Sequence> sequences;
  SequenceId next_id = 0;
};

std::vector<Progress> Session::Impl::Check(std::span<const Step> steps) {
  std::vector<Progress> progress;
  for (const Step& step : steps) {
    Sequence& sequence = Find(step.sequence);
    const std::string where = "sequence " + std::to_string(step.sequence);
    for (const Progress& other : progress) {
      if (other.sequence == &sequence) {
        throw Error(ErrorCode::kInvalidArgument, where, "stands twice in one call");
      }
    }
    if (step.logits_from > step.tokens.size()) {
      throw Error(ErrorCode::kInvalidArgument, where, "logits are asked for beyond the tokens");
    }
    if (step.padded_slot >= 0) {
      CheckPaddedSlot(model.config(), step.padded_slot, step.tokens.size(), sequence.cache.length(),
                      where);
    }
    const int64_t vocab_size = VocabSize(sequence);
    for (const int32_t token : step.tokens) {
      if (token < 0 || token >= vocab_size) {
        throw Error(ErrorCode::kInvalidArgument, where,
                    "token " + std::to_string(token) + " is outside the vocabulary of " +
                        std::to_string(vocab_size));
      }
    }
    progress.push_back({&step, &sequence});
  }
  return progress;
}

PackedRows Session::Impl::NextRows(std::vector<Progress>& progress) const {
  PackedRows rows;
  int64_t room = kRowsPerRun;
  for (Progress& part : progress) {
    const auto left = static_cast<int64_t>(part.step->tokens.size() - part.done);
    const int64_t count = std::min(left, room);
    if (count == 0) continue;
    room -= count;
    KvCache& cache = part.sequence->cache;
    const bool padded = part.step->padded_slot >= 0;
    const int64_t start = cache.length() + static_cast<int64_t>(part.done);
    const auto first_row = static_cast<int64_t>(rows.tokens.size());
    if (padded) {
      rows.sequences.push_back(PaddedRows(first_row, cache.length(), cache.blocks()));
    } else {
      rows.sequences.push_back({.first_row = first_row,
                                .rows = count,
                                .first_position = start,
                                .blocks = cache.blocks()});
      rows.stored.push_back(rows.sequences.back());
    }
    for (int64_t i = 0; i < count; ++i, ++part.done) {
      const auto row = static_cast<int32_t>(rows.tokens.size());
      const Adapter* adapter = part.sequence->adapter.get();
      rows.tokens.push_back(part.step->tokens[part.done]);
      rows.positions.push_back(padded ? part.step->padded_slot : start + i);
      rows.groups.Add(adapter, row);
      if (part.done >= part.step->logits_from) {
        rows.head_groups.Add(adapter, static_cast<int32_t>(rows.head_rows.size()));
        rows.head_rows.push_back(row);
      }
    }
  }
  return rows;
}

Session::Session(std::shared_ptr<const Model> model, std::shared_ptr<ThreadPool> pool)
    : Session(std::move(model), MakeCpuBackend(std::move(pool))) {}

Session::Session(std::shared_ptr<const Model> model, std::unique_ptr<Backend> backend)
    : model_(std::move(model)), impl_(std::make_unique<Impl>(*model_, std::move(backend))) {}

Session::~Session() = default;

SequenceId Session::Add(std::shared_ptr<const Adapter> adapter) {
  if (adapter && &adapter->base() != model_.get()) {
    throw Error(ErrorCode::kInvalidArgument, "adapter '" + adapter->name() + "'",
                "is bound to another model");
  }
  const SequenceId id = impl_->next_id++;
  impl_->sequences.emplace(id, Sequence{std::move(adapter), KvCache(impl_->layout)});
  return id;
}

SequenceId Session::AddFrom(PrefixCache& prefixes, std::shared_ptr<const Adapter> adapter,
                            std::span<const int32_t> tokens) {
  KvCache kept = prefixes.Find(model_, adapter, tokens);
  const SequenceId id = Add(std::move(adapter));
  impl_->Find(id).cache = std::move(kept);
  return id;
}

void Session::KeepIn(PrefixCache& prefixes, SequenceId sequence,
                     std::span<const int32_t> tokens) const {
  const Sequence& from = impl_->Find(sequence);
  if (static_cast<int64_t>(tokens.size()) > from.cache.length()) {
    throw Error(ErrorCode::kInvalidArgument, "sequence " + std::to_string(sequence),
                "holds " + std::to_string(from.cache.length()) + " tokens; cannot keep " +
                    std::to_string(tokens.size()));
  }
  prefixes.Keep(model_, from.adapter, tokens, from.cache);
}

SequenceId Session::Fork(SequenceId source, int64_t length) {
  const Sequence& from = impl_->Find(source);
  if (length < 0 || length > from.cache.length()) {
    throw Error(ErrorCode::kInvalidArgument, "sequence " + std::to_string(source),
                "holds " + std::to_string(from.cache.length()) + " tokens; cannot fork " +
                    std::to_string(length));
  }
  const SequenceId id = impl_->next_id++;
  impl_->sequences.emplace(id, Sequence{from.adapter, from.cache.Fork(length)});
  return id;
}

void Session::Truncate(SequenceId sequence, int64_t length) {
  KvCache& cache = impl_->Find(sequence).cache;
  if (length < 0 || length > cache.length()) {
    throw Error(ErrorCode::kInvalidArgument, "sequence " + std::to_string(sequence),
                "holds " + std::to_string(cache.length()) + " tokens; cannot keep " +
                    std::to_string(length));
  }
  cache.Truncate(length);
}

void Session::Remove(SequenceId sequence) {
  impl_->Find(sequence);
  impl_->sequences.erase(sequence);
}

int64_t Session::Length(SequenceId sequence) const {
  return impl_->Find(sequence).cache.length();
}

HeadOutputs Session::Forward(std::span<const Step> steps) {
  std::vector<Progress> progress = impl_->Check(steps);
  HeadOutputs outputs;
  int64_t wanted = 0;
  for (const Progress& part : progress) {
    const auto rows = static_cast<int64_t>(part.step->tokens.size() - part.step->logits_from);
    if (rows > 0) {
      outputs.width = std::max(outputs.width,
                               AdaptedOps::HeadWidth(model_->head(), part.sequence->adapter.get()));
    }
    wanted += rows;
  }
  outputs.values.resize(static_cast<size_t>(wanted * outputs.width));
  for (const Progress& part : progress) {
    if (part.step->padded_slot >= 0) continue;
    KvCache& cache = part.sequence->cache;
    cache.Reserve(cache.length() + static_cast<int64_t>(part.step->tokens.size()));
  }

  float* out = outputs.values.data();
  while (true) {
    const PackedRows rows = impl_->NextRows(progress);
    if (rows.tokens.empty()) break;
    impl_->forward.Run(rows, outputs.width, out);
    out += static_cast<int64_t>(rows.head_rows.size()) * outputs.width;
  }
  for (const Progress& part : progress) {
    if (part.step->padded_slot >= 0) continue;
    KvCache& cache = part.sequence->cache;
    cache.Commit(cache.length() + static_cast<int64_t>(part.step->tokens.size()));
  }
  return outputs;
}

uint64_t Session::cache_bytes() const {
  uint64_t bytes = 0;
  for (const auto& [id, sequence] : impl_->sequences) bytes += sequence.cache.bytes();
  return bytes;
}

}  // namespace dear
