#include "generate/sampler.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace dear {

TokenId ArgMax(std::span<const float> logits) {
  return static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

double PortableExp(double x) {
  if (x < -708) return 0;
  // x = k ln2 + r with |r| <= ln2 / 2; ln2 in two parts so that k * high is exact.
  constexpr double kLn2High = 0x1.62e42fefa38p-1;
  constexpr double kLn2Low = 0x1.ef35793c7673p-45;
  const double k = std::floor(x * 0x1.71547652b82fep0 + 0.5);
  const double r = (x - k * kLn2High) - k * kLn2Low;
  double sum = 1;
  for (int term = 14; term >= 1; --term) sum = 1 + sum * r / term;
  return std::ldexp(sum, static_cast<int>(k));
}

Sampler::Sampler(const SamplingOptions& options) : options_(options), random_(options.seed) {
  const auto fail = [](const char* field, const char* what) {
    throw Error(ErrorCode::kInvalidArgument, field, what);
  };
  if (!(options.temperature >= 0) || std::isinf(options.temperature))
    fail("temperature", "must be a number of at least 0 (0 is greedy)");
  if (!(options.top_p > 0 && options.top_p <= 1)) fail("top_p", "must be above 0 and at most 1");
  if (options.top_k < 0) fail("top_k", "must be at least 0 (0 is all)");
  if (!(options.repetition_penalty > 0) || std::isinf(options.repetition_penalty))
    fail("repetition_penalty", "must be above 0");
}

TokenId Sampler::Next(std::span<const float> logits, std::span<const TokenId> history) {
  if (options_.repetition_penalty != 1) {
    const auto penalty = static_cast<float>(options_.repetition_penalty);
    penalized_.assign(logits.begin(), logits.end());
    for (const TokenId id : history) {
      if (id < 0 || static_cast<size_t>(id) >= logits.size()) continue;
      // From the untouched logits: a token seen twice is penalised once.
      const float logit = logits[static_cast<size_t>(id)];
      penalized_[static_cast<size_t>(id)] = logit < 0 ? logit * penalty : logit / penalty;
    }
    logits = penalized_;
  }
  return options_.temperature == 0 ? ArgMax(logits) : Draw(logits);
}

TokenId Sampler::Draw(std::span<const float> logits) {
  const double largest = logits[static_cast<size_t>(ArgMax(logits))];
  if (!std::isfinite(largest))
    throw Error(ErrorCode::kInvalidFormat, "logits", "hold no finite largest value");
  weights_.resize(logits.size());
  double total = 0;
  for (size_t id = 0; id < logits.size(); ++id) {
    weights_[id] = PortableExp((logits[id] - largest) / options_.temperature);
    total += weights_[id];
  }
  const size_t top_k = options_.top_k == 0 ? weights_.size() : static_cast<size_t>(options_.top_k);
  if (options_.top_p == 1 && top_k >= weights_.size()) {
    double left = random_.NextDouble() * total;
    for (size_t id = 0; id < weights_.size(); ++id) {
      left -= weights_[id];
      if (left < 0) return static_cast<TokenId>(id);
    }
    return ArgMax(logits);  // rounding left a hair over
  }
  // Likeliest first; a heap, since the set is usually a handful of the vocabulary.
  heap_.clear();
  for (size_t id = 0; id < weights_.size(); ++id)
    if (weights_[id] > 0) heap_.push_back(static_cast<TokenId>(id));
  const auto less = [this](TokenId a, TokenId b) {
    const double wa = weights_[static_cast<size_t>(a)];
    const double wb = weights_[static_cast<size_t>(b)];
    return wa != wb ? wa < wb : a > b;
  };
  std::make_heap(heap_.begin(), heap_.end(), less);
  auto popped = heap_.end();  // [popped, heap_.end()): likeliest last
  const auto pop = [&] {
    std::pop_heap(heap_.begin(), popped, less);
    return weights_[static_cast<size_t>(*--popped)];
  };
  const auto limit = static_cast<ptrdiff_t>(std::min(top_k, heap_.size()));
  if (top_k < heap_.size()) {
    total = 0;
    while (heap_.end() - popped < limit) total += pop();
  }
  double kept = 0;
  auto end = heap_.end();  // [end, heap_.end()) is the set
  while (heap_.end() - end < limit && kept < options_.top_p * total) {
    if (end == popped) pop();
    kept += weights_[static_cast<size_t>(*--end)];
  }
  double left = random_.NextDouble() * kept;
  for (auto it = heap_.end(); it != end;) {
    left -= weights_[static_cast<size_t>(*--it)];
    if (left < 0) return *it;
  }
  return heap_.back();
}

}  // namespace dear
