#include "train/adamw.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

#include "base/error.h"

namespace dear {
namespace {

// Elements of one task: the split is part of the order of summation, so it must stay as it is.
constexpr size_t kPiece = size_t{1} << 15;

[[noreturn]] void Refuse(const std::string& what, const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, "AdamW: " + what, message);
}

void CheckOptions(const AdamWOptions& options) {
  for (const auto& [name, beta] :
       {std::pair{"beta1", options.beta1}, std::pair{"beta2", options.beta2}}) {
    if (!(beta >= 0 && beta < 1)) Refuse(name, "must be at least 0 and below 1");
  }
  for (const auto& [name, value] :
       {std::pair{"epsilon", options.epsilon}, std::pair{"weight_decay", options.weight_decay}}) {
    if (!(value >= 0) || !std::isfinite(value)) Refuse(name, "must be at least 0 and finite");
  }
}

void CheckTensors(std::span<const OptimizedTensor> tensors) {
  std::set<std::string_view> names;
  for (const OptimizedTensor& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      Refuse("tensor '" + tensor.name + "'", "is given twice");
    }
    if (tensor.values.size() != tensor.gradient.size()) {
      Refuse("tensor '" + tensor.name + "'", "has " + std::to_string(tensor.values.size()) +
                                                 " values, but a gradient of " +
                                                 std::to_string(tensor.gradient.size()));
    }
    if (!(tensor.learning_rate_factor >= 0) || !std::isfinite(tensor.learning_rate_factor)) {
      Refuse("tensor '" + tensor.name + "'",
             "the learning-rate factor must be at least 0 and finite");
    }
  }
}

// Calls fn(tensor, begin, end) for every piece.
template <typename Fn>
void ForEachPiece(std::span<const OptimizedTensor> tensors, const Fn& fn) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    const size_t size = tensors[i].values.size();
    for (size_t begin = 0; begin < size; begin += kPiece) {
      fn(i, begin, std::min(begin + kPiece, size));
    }
  }
}

// Several sums side by side, since each addition waits for the one before it.
double SumOfSquares(std::span<const float> values) {
  std::array<double, 8> sums{};
  size_t i = 0;
  for (; i + sums.size() <= values.size(); i += sums.size()) {
    for (size_t lane = 0; lane < sums.size(); ++lane) {
      const double value = values[i + lane];
      sums[lane] += value * value;
    }
  }
  for (; i < values.size(); ++i) sums[0] += double{values[i]} * double{values[i]};
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

}  // namespace

AdamW::AdamW(std::vector<OptimizedTensor> tensors, const AdamWOptions& options)
    : tensors_(std::move(tensors)), options_(options) {
  CheckOptions(options_);
  CheckTensors(tensors_);
  for (const OptimizedTensor& tensor : tensors_) {
    first_.emplace_back(tensor.values.size(), 0.0F);
    second_.emplace_back(tensor.values.size(), 0.0F);
  }
  ForEachPiece(tensors_, [this](size_t tensor, size_t begin, size_t end) {
    pieces_.push_back({tensor, begin, end});
  });
}

void AdamW::Update(const Piece& piece, double learning_rate) {
  const OptimizedTensor& tensor = tensors_[piece.tensor];
  const double rate = learning_rate * tensor.learning_rate_factor;
  const auto steps = static_cast<double>(num_steps_);
  // Scalars are computed in double and rounded once, as Python and torch do.
  const auto keep = static_cast<float>(tensor.decays ? 1 - rate * options_.weight_decay : 1);
  const auto first_weight = static_cast<float>(1 - options_.beta1);
  const auto second_keep = static_cast<float>(options_.beta2);
  const auto second_weight = static_cast<float>(1 - options_.beta2);
  const auto step_size = static_cast<float>(-(rate / (1 - std::pow(options_.beta1, steps))));
  const auto correction = static_cast<float>(std::sqrt(1 - std::pow(options_.beta2, steps)));
  const auto epsilon = static_cast<float>(options_.epsilon);
  // torch's lerp counts from the nearer end.
  const bool near_gradient = first_weight >= 0.5F;

  float* values = tensor.values.data();
  const float* gradient = tensor.gradient.data();
  float* first = first_[piece.tensor].data();
  float* second = second_[piece.tensor].data();
  for (size_t i = piece.begin; i < piece.end; ++i) {
    const float g = gradient[i];
    const float m = near_gradient ? g - (g - first[i]) * (1 - first_weight)
                                  : first[i] + first_weight * (g - first[i]);
    const float v = second[i] * second_keep + second_weight * g * g;
    const float divisor = std::sqrt(v) / correction + epsilon;
    values[i] = values[i] * keep + step_size * m / divisor;
    first[i] = m;
    second[i] = v;
  }
}

void AdamW::Step(double learning_rate, ThreadPool& pool) {
  if (!(learning_rate >= 0) || !std::isfinite(learning_rate)) {
    Refuse("learning rate", "must be at least 0 and finite");
  }
  ++num_steps_;
  pool.Run(static_cast<int64_t>(pieces_.size()), [&](int64_t task, int /*worker*/) {
    Update(pieces_[static_cast<size_t>(task)], learning_rate);
  });
}

void AdamW::set_num_steps(int64_t num_steps) {
  if (num_steps < 0) Refuse("number of steps", "must not be negative");
  num_steps_ = num_steps;
}

std::vector<AdamW::Moments> AdamW::moments() {
  std::vector<Moments> out;
  out.reserve(tensors_.size());
  for (size_t i = 0; i < tensors_.size(); ++i) {
    out.push_back({tensors_[i].name, first_[i], second_[i]});
  }
  return out;
}

double ClipGradientNorm(std::span<const OptimizedTensor> tensors, double max_norm,
                        ThreadPool& pool) {
  if (!(max_norm >= 0) || !std::isfinite(max_norm)) {
    throw Error(ErrorCode::kInvalidArgument, "clipping of gradients",
                "the largest norm must be at least 0 and finite");
  }
  std::vector<std::span<float>> pieces;
  ForEachPiece(tensors, [&](size_t tensor, size_t begin, size_t end) {
    pieces.push_back(tensors[tensor].gradient.subspan(begin, end - begin));
  });
  const auto num_pieces = static_cast<int64_t>(pieces.size());
  std::vector<double> sums(pieces.size());
  pool.Run(num_pieces, [&](int64_t task, int /*worker*/) {
    const auto i = static_cast<size_t>(task);
    sums[i] = SumOfSquares(pieces[i]);
  });
  double sum = 0;
  for (const double part : sums) sum += part;
  const double norm = std::sqrt(sum);
  const double coefficient = max_norm / (norm + 1e-6);
  if (max_norm == 0 || !std::isfinite(norm) || coefficient >= 1) return norm;
  pool.Run(num_pieces, [&](int64_t task, int /*worker*/) {
    for (float& value : pieces[static_cast<size_t>(task)]) {
      value *= static_cast<float>(coefficient);
    }
  });
  return norm;
}

}  // namespace dear
