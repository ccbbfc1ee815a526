#include "train/ranking_losses.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace dear {
namespace {

using Doubles = std::vector<double>;

// A group after its checks, in double.
struct Group {
  Doubles scores;
  Doubles labels;
  Doubles teacher;
  std::vector<size_t> order;  // best first
};

// A loss adds weight * d(loss)/d(score) to `gradient` and returns weight * loss.
struct Sink {
  double weight;
  Doubles& gradient;
};

double Sigmoid(double x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}

double Softplus(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

// Of a non-empty list.
Doubles LogSoftmax(const Doubles& x, double temperature = 1) {
  const double top = *std::ranges::max_element(x);
  double sum = 0;
  for (const double value : x) sum += std::exp((value - top) / temperature);
  Doubles out;
  out.reserve(x.size());
  for (const double value : x) out.push_back((value - top) / temperature - std::log(sum));
  return out;
}

std::vector<size_t> DescendingOrder(const Doubles& x) {
  std::vector<size_t> order(x.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return x[a] > x[b]; });
  return order;
}

Doubles Binary(const Doubles& labels) {
  Doubles out;
  out.reserve(labels.size());
  for (const double label : labels) out.push_back(label > 0 ? 1 : 0);
  return out;
}

double SoftmaxCe(const Group& group, const RankingLossOptions& /*options*/, const Sink& sink) {
  const Doubles target = Binary(group.labels);
  const double positives = std::accumulate(target.begin(), target.end(), 0.0);
  if (positives == 0) return 0;
  const Doubles log_p = LogSoftmax(group.scores);
  double loss = 0;
  for (size_t i = 0; i < log_p.size(); ++i) {
    loss -= target[i] / positives * log_p[i];
    sink.gradient[i] += sink.weight * (std::exp(log_p[i]) - target[i] / positives);
  }
  return sink.weight * loss;
}

// Sum q (log q - log softmax(s / T)), q = softmax(target / T), times `scale`.
double Divergence(const Group& group, const Doubles& target, double temperature, double scale,
                  const Sink& sink) {
  const Doubles log_p = LogSoftmax(group.scores, temperature);
  const Doubles log_q = LogSoftmax(target, temperature);
  double loss = 0;
  for (size_t i = 0; i < log_p.size(); ++i) {
    const double q = std::exp(log_q[i]);
    // A probability too small for a double counts nothing, as 0 log 0.
    if (q > 0) loss += q * (log_q[i] - log_p[i]);
    sink.gradient[i] += sink.weight * scale * (std::exp(log_p[i]) - q) / temperature;
  }
  return sink.weight * scale * loss;
}

double ListNet(const Group& group, const RankingLossOptions& /*options*/, const Sink& sink) {
  return Divergence(group, group.labels, 1, 1, sink);
}

double ListNetTeacher(const Group& group, const RankingLossOptions& /*options*/, const Sink& sink) {
  return Divergence(group, group.teacher, 1, 1, sink);
}

// weight * softplus(-sigma (s_i - s_j)): i should be before j.
double AddPair(const Group& group, size_t i, size_t j, double weight, double sigma,
               Doubles& gradient) {
  const double x = sigma * (group.scores[i] - group.scores[j]);
  const double slope = weight * sigma * Sigmoid(-x);
  gradient[i] -= slope;
  gradient[j] += slope;
  return weight * Softplus(-x);
}

double SoftRankNet(const Group& group, const Doubles& target, const Sink& sink) {
  const size_t n = group.scores.size();
  if (n < 2) return 0;
  const double share = sink.weight / (static_cast<double>(n * (n - 1)) / 2);
  double loss = 0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = i + 1; j < n; ++j) {
      const double before = Sigmoid(target[i] - target[j]);
      const double behind = Sigmoid(target[j] - target[i]);
      loss += AddPair(group, i, j, share * before, 1, sink.gradient);
      loss += AddPair(group, j, i, share * behind, 1, sink.gradient);
    }
  }
  return loss;
}

double HardRankNet(const Group& group, const Doubles& target, const Sink& sink) {
  const size_t n = group.scores.size();
  std::vector<std::pair<size_t, size_t>> pairs;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      if (target[i] > target[j]) pairs.emplace_back(i, j);
    }
  }
  double loss = 0;
  for (const auto& [i, j] : pairs) {
    loss += AddPair(group, i, j, sink.weight / static_cast<double>(pairs.size()), 1, sink.gradient);
  }
  return loss;
}

double RankNet(const Group& group, const Doubles& target, const RankingLossOptions& options,
               const Sink& sink) {
  return options.ranknet_targets == RankNetTargets::kSoft ? SoftRankNet(group, target, sink)
                                                          : HardRankNet(group, target, sink);
}

double RankNetBinary(const Group& group, const RankingLossOptions& options, const Sink& sink) {
  return RankNet(group, Binary(group.labels), options, sink);
}

double RankNetTeacher(const Group& group, const RankingLossOptions& options, const Sink& sink) {
  return RankNet(group, group.teacher, options, sink);
}

double RankNetOrder(const Group& group, const RankingLossOptions& /*options*/, const Sink& sink) {
  Doubles target(group.order.size());
  for (size_t rank = 0; rank < target.size(); ++rank) {
    target[group.order[rank]] = -static_cast<double>(rank);
  }
  return HardRankNet(group, target, sink);
}

double ListMle(const Group& group, const RankingLossOptions& /*options*/, const Sink& sink) {
  double loss = 0;
  Doubles tail;
  for (size_t k = 0; k < group.order.size(); ++k) {
    tail.clear();
    for (size_t j = k; j < group.order.size(); ++j) tail.push_back(group.scores[group.order[j]]);
    const Doubles log_p = LogSoftmax(tail);
    loss -= log_p[0];
    sink.gradient[group.order[k]] -= sink.weight;
    for (size_t j = k; j < group.order.size(); ++j) {
      sink.gradient[group.order[j]] += sink.weight * std::exp(log_p[j - k]);
    }
  }
  return sink.weight * loss;
}

double Discount(size_t rank) {
  return std::log2(1 + static_cast<double>(rank));
}

double Gain(double label) {
  return std::exp2(label) - 1;
}

// The ideal DCG of the first `depth` ranks.
double MaxDcg(Doubles labels, size_t depth) {
  std::ranges::sort(labels, std::greater<>());
  double sum = 0;
  for (size_t i = 0; i < depth; ++i) sum += Gain(labels[i]) / Discount(i + 1);
  return sum;
}

// How much the order of the passages at two ranks (from 1, not equal) counts.
using RankWeight = double (*)(size_t rank_i, size_t rank_j);

double SwapWeight(size_t rank_i, size_t rank_j) {
  return std::abs(1 / Discount(rank_i) - 1 / Discount(rank_j));
}

double DistanceWeight(size_t rank_i, size_t rank_j) {
  const size_t distance = rank_i > rank_j ? rank_i - rank_j : rank_j - rank_i;
  return std::abs(1 / Discount(distance) - 1 / Discount(distance + 1));
}

double Lambda(const Group& group, const RankingLossOptions& options, RankWeight rank_weight,
              const Sink& sink) {
  const size_t n = group.scores.size();
  const size_t depth =
      options.ndcg_cut == 0 ? n : std::min(n, static_cast<size_t>(options.ndcg_cut));
  const double max_dcg = MaxDcg(group.labels, depth);
  if (max_dcg == 0) return 0;
  const std::vector<size_t> order = DescendingOrder(group.scores);
  double loss = 0;
  for (size_t a = 0; a < depth; ++a) {
    for (size_t b = 0; b < depth; ++b) {
      const size_t i = order[a];
      const size_t j = order[b];
      if (!(group.labels[i] > group.labels[j])) continue;
      const double gain = (Gain(group.labels[i]) - Gain(group.labels[j])) / max_dcg;
      loss += AddPair(group, i, j, sink.weight * gain * rank_weight(a + 1, b + 1), options.sigma,
                      sink.gradient);
    }
  }
  return loss;
}

double LambdaRank(const Group& group, const RankingLossOptions& options, const Sink& sink) {
  return Lambda(group, options, SwapWeight, sink);
}

double LambdaLoss(const Group& group, const RankingLossOptions& options, const Sink& sink) {
  return Lambda(group, options, DistanceWeight, {sink.weight / std::log(2.0), sink.gradient});
}

double MarginMse(const Group& group, const RankingLossOptions& /*options*/, const Sink& sink) {
  const size_t n = group.scores.size();
  std::vector<std::pair<size_t, size_t>> pairs;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      const bool is_pair =
          group.labels.empty() ? i < j : group.labels[i] > 0 && group.labels[j] <= 0;
      if (is_pair) pairs.emplace_back(i, j);
    }
  }
  double loss = 0;
  for (const auto& [i, j] : pairs) {
    const double share = sink.weight / static_cast<double>(pairs.size());
    const double error =
        (group.scores[i] - group.scores[j]) - (group.teacher[i] - group.teacher[j]);
    loss += share * error * error;
    sink.gradient[i] += 2 * share * error;
    sink.gradient[j] -= 2 * share * error;
  }
  return loss;
}

enum class Needs { kLabels, kTeacher, kOrder };

struct Entry {
  std::string_view name;
  double (*add)(const Group&, const RankingLossOptions&, const Sink&);
  Needs needs;
};

constexpr std::array<Entry, 10> kLosses = {{
    {"softmax_ce", SoftmaxCe, Needs::kLabels},
    {"ranknet_binary", RankNetBinary, Needs::kLabels},
    {"ranknet_teacher", RankNetTeacher, Needs::kTeacher},
    {"listnet", ListNet, Needs::kLabels},
    {"listnet_teacher", ListNetTeacher, Needs::kTeacher},
    {"lambda_rank", LambdaRank, Needs::kLabels},
    {"lambda_loss", LambdaLoss, Needs::kLabels},
    {"margin_mse", MarginMse, Needs::kTeacher},
    {"list_mle", ListMle, Needs::kOrder},
    {"ranknet_order", RankNetOrder, Needs::kOrder},
}};

constexpr auto kLossNames = [] {
  std::array<std::string_view, kLosses.size()> names;
  for (size_t i = 0; i < kLosses.size(); ++i) names[i] = kLosses[i].name;
  return names;
}();

[[noreturn]] void RefuseLoss(const std::string& where, const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, "ranking loss: " + where, message);
}

const Entry& Find(const std::string& name) {
  std::string known;
  for (const Entry& entry : kLosses) {
    if (entry.name == name) return entry;
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  RefuseLoss("'" + name + "'", "there is none of this name; known are " + known);
}

Doubles Checked(const char* field, std::span<const float> values, size_t n, bool needed) {
  if (values.empty() && !needed) return {};
  if (values.size() != n) {
    RefuseLoss(field, "expected " + std::to_string(n) + " numbers, one a passage, found " +
                          std::to_string(values.size()));
  }
  for (size_t i = 0; i < n; ++i) {
    if (std::isfinite(values[i])) continue;
    RefuseLoss(std::string(field) + "[" + std::to_string(i) + "]", "is not a finite number");
  }
  return {values.begin(), values.end()};
}

Doubles CheckedLabels(std::span<const float> labels, size_t n, bool needed) {
  constexpr double kMaxLabel = 1000;  // 2 to its power must be a double
  Doubles out = Checked("labels", labels, n, needed);
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i] >= 0 && out[i] <= kMaxLabel) continue;
    RefuseLoss("labels[" + std::to_string(i) + "]",
               "is " + std::to_string(out[i]) + ", but must be in 0..1000");
  }
  return out;
}

std::vector<size_t> CheckedOrder(std::span<const int32_t> order, size_t n) {
  std::vector<bool> seen(n, false);
  if (order.size() != n) {
    RefuseLoss("teacher_order", "expected each of " + std::to_string(n) + " passages once, found " +
                                    std::to_string(order.size()) + " entries");
  }
  for (const int32_t passage : order) {
    const auto i = static_cast<size_t>(passage);
    if (passage < 0 || i >= n || seen[i]) {
      RefuseLoss("teacher_order", "expected each of " + std::to_string(n) +
                                      " passages once, found passage " + std::to_string(passage) +
                                      " twice or out of range");
    }
    seen[i] = true;
  }
  return {order.begin(), order.end()};
}

class MixedLoss final : public RankingLoss {
 public:
  explicit MixedLoss(const RankingLossOptions& options) : options_(options) {
    if (options.losses.empty()) RefuseLoss("losses", "there is none");
    for (const WeightedLoss& loss : options.losses) {
      parts_.push_back({&Find(loss.name), loss.weight});
      if (!(loss.weight > 0) || !std::isfinite(loss.weight)) {
        RefuseLoss("weight of " + loss.name, "must be above 0 and finite");
      }
    }
    if (!(options.kl_weight >= 0 && options.kl_weight <= 1)) {
      RefuseLoss("kl_weight", "must be in 0..1");
    }
    for (const auto& [name, value] :
         {std::pair{"temperature", options.temperature}, std::pair{"sigma", options.sigma},
          std::pair{"score_scale", options.score_scale}}) {
      if (!(value > 0) || !std::isfinite(value)) RefuseLoss(name, "must be above 0 and finite");
    }
    if (options.ndcg_cut < 0) RefuseLoss("ndcg_cut", "must be at least 0");
  }

  bool needs_labels() const override { return Needed(Needs::kLabels); }
  bool needs_teacher_scores() const override {
    return options_.kl_weight > 0 || Needed(Needs::kTeacher);
  }
  bool needs_teacher_order() const override { return Needed(Needs::kOrder); }

  RankingLossValue Compute(const RankingGroup& input) const override {
    Group group = Check(input);
    for (double& score : group.scores) score *= options_.score_scale;
    Doubles gradient(group.scores.size(), 0.0);
    double loss = 0;
    for (const Part& part : parts_) {
      const double weight = (1 - options_.kl_weight) * part.weight;
      loss += part.entry->add(group, options_, {weight, gradient});
    }
    if (options_.kl_weight > 0) {
      const double t = options_.temperature;
      loss += Divergence(group, group.teacher, t, t * t, {options_.kl_weight, gradient});
    }
    for (double& value : gradient) value *= options_.score_scale;
    return {loss, {gradient.begin(), gradient.end()}};
  }

 private:
  struct Part {
    const Entry* entry;
    double weight;
  };

  bool Needed(Needs needs) const {
    return std::ranges::any_of(parts_,
                               [&](const Part& part) { return part.entry->needs == needs; });
  }

  Group Check(const RankingGroup& input) const {
    const size_t n = input.scores.size();
    if (n == 0) RefuseLoss("scores", "the group has no passages");
    Group group;
    group.scores = Checked("scores", input.scores, n, true);
    group.labels = CheckedLabels(input.labels, n, needs_labels());
    const bool scores_for_order = needs_teacher_order() && input.teacher_order.empty();
    group.teacher = Checked("teacher_scores", input.teacher_scores, n,
                            needs_teacher_scores() || scores_for_order);
    if (needs_teacher_order()) {
      group.order =
          scores_for_order ? DescendingOrder(group.teacher) : CheckedOrder(input.teacher_order, n);
    }
    return group;
  }

  RankingLossOptions options_;
  std::vector<Part> parts_;
};

}  // namespace

std::span<const std::string_view> RankingLossNames() {
  return kLossNames;
}

std::unique_ptr<RankingLoss> MakeRankingLoss(const RankingLossOptions& options) {
  return std::make_unique<MixedLoss>(options);
}

}  // namespace dear
