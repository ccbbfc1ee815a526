#ifndef DEAR_TRAIN_RANKING_LOSSES_H_
#define DEAR_TRAIN_RANKING_LOSSES_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dear {

// One query's passages as a ranking loss sees them: n scores, and of the rest what the loss needs.
struct RankingGroup {
  std::span<const float> scores;          // [n] of the model that learns
  std::span<const float> labels;          // [n] relevance in 0..1000, above 0 is positive; or empty
  std::span<const float> teacher_scores;  // [n] raw scores; or empty
  std::span<const int32_t> teacher_order;  // [n] passages, the best first; or empty
};

struct RankingLossValue {
  double loss = 0;
  std::vector<float> gradient;  // [n] of the loss with respect to each score
};

// Below, s are scores, y labels, t teacher scores, n passages, and p is softplus(x) =
// log(1 + exp(x)); the mean over no pair (a single passage, equal labels) is 0.
//
// softmax_ce: -1/|P| sum over positives of log softmax(s). With one positive the usual
//   cross-entropy (torch F.cross_entropy), with several that against the uniform distribution over
//   them (RankT5's softmax loss, arXiv 2210.10634, with equal labels). Without a positive: 0.
// ranknet_binary: RankNet (Burges et al., ICML 2005) on y' = 1 for positives, else 0.
//   Soft targets, as in DeAR's repository (rank_loss.py, rank_net): mean over pairs i < j of the
//   binary cross-entropy of s_i - s_j against sigmoid(y'_i - y'_j); two passages of one label draw
//   each other's score near. Hard targets: mean of p(s_j - s_i) over pairs with y'_i > y'_j.
// ranknet_teacher: the same on the teacher's scores t in place of y'; its hard targets are the
//   teacher's order.
// listnet: ListNet, top one (Cao et al., ICML 2007), as KL: sum q (log q - log softmax(s)), q =
//   softmax(y) (torch F.kl_div(log_softmax(s), softmax(y)); DeAR's list_net). The gradient is that
//   of the cross-entropy.
// listnet_teacher: the same with q = softmax(t).
// lambda_rank: LambdaRank (Burges 2010, MSR-TR-2010-82): sum over pairs y_i > y_j of
//   |G_i - G_j| |1/D(r_i) - 1/D(r_j)| p(-sigma (s_i - s_j)), G = (2^y - 1) / maxDCG, D(r) =
//   log2(1 + r), r the rank by s (ties: the first in the list is before). Weights are constants of
//   the gradient.
// lambda_loss: NDCG-Loss2 of LambdaLoss (Wang et al., CIKM 2018): the weights are
//   |G_i - G_j| |1/D(|r_i - r_j|) - 1/D(|r_i - r_j| + 1)|, and log2 stands for the natural
//   logarithm. In both, ndcg_cut k leaves the pairs whose ranks are within k, and a maxDCG of k
//   ranks. All labels 0: 0.
// margin_mse: Hofstaetter et al. (arXiv 2010.02666): mean over pairs of
//   ((s_i - s_j) - (t_i - t_j))^2. A pair is a positive and a passage that is none, or, where there
//   are no labels, any two passages.
// list_mle: ListMLE (Xia et al., ICML 2008), the Plackett-Luce likelihood of the teacher's order o:
//   sum over k of logsumexp(s_o(k), s_o(k+1), ...) - s_o(k).
// ranknet_order: permutation distillation as in RankGPT (arXiv 2304.09542, its RankNet): mean of
//   p(s_j - s_i) over all pairs that the teacher's order has i before j.
//
// The teacher's order is `teacher_order`, or that of `teacher_scores` (ties: the first in the list)
// where only those are given.
//
// In all of them s is the model's score times score_scale: losses on softmaxes of scores ask for
// scores of the size of logits.
//
// The whole loss is DeAR's (modeling.py): (1 - a) main + a T^2 KL. Main is the weighted sum of the
// losses, KL = sum q (log q - log softmax(s/T)) with q = softmax(t/T), which is torch's
// F.kl_div(log_softmax(s/T), softmax(t/T)): the teacher is the first argument of the divergence.
struct WeightedLoss {
  std::string name;
  double weight = 1;

  bool operator==(const WeightedLoss&) const = default;
};

enum class RankNetTargets { kSoft, kHard };

struct RankingLossOptions {
  std::vector<WeightedLoss> losses = {{"softmax_ce", 1}};
  double kl_weight = 0;    // a, in 0..1
  double temperature = 2;  // T, above 0
  RankNetTargets ranknet_targets = RankNetTargets::kSoft;
  double sigma = 1;        // lambda_rank and lambda_loss; above 0
  int64_t ndcg_cut = 0;    // the same; 0: no cut
  double score_scale = 1;  // above 0
};

// All names above.
std::span<const std::string_view> RankingLossNames();

class RankingLoss {
 public:
  virtual ~RankingLoss() = default;

  // What the groups must bring.
  virtual bool needs_labels() const = 0;
  virtual bool needs_teacher_scores() const = 0;
  virtual bool needs_teacher_order() const = 0;  // which teacher scores give, too

  // Computed in double. Throws kInvalidArgument, naming field and passage, where a group is empty,
  // lacks what the loss needs, or holds a number that is not finite, a label out of range or an
  // order that is no permutation.
  virtual RankingLossValue Compute(const RankingGroup& group) const = 0;
};

// Throws kInvalidArgument where a name is not known (with those that are) or a number out of range.
std::unique_ptr<RankingLoss> MakeRankingLoss(const RankingLossOptions& options);

}  // namespace dear

#endif  // DEAR_TRAIN_RANKING_LOSSES_H_
