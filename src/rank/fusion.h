#ifndef DEAR_RANK_FUSION_H_
#define DEAR_RANK_FUSION_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace dear {

// How a new ranking and the first stage's become one.
struct Fusion {
  enum class Kind : uint8_t {
    // (1 - weight) * new + weight * first, both scores brought to [0, 1] by their list's smallest
    // and largest. A list whose scores are all equal counts as 0.
    kMinMax,
    // weight-less: 1 / (k + rank) of both rankings added (Cormack, Clarke and Büttcher 2009).
    kReciprocalRank,
  };
  Kind kind = Kind::kReciprocalRank;
  double weight = 0.5;  // of the first stage, in [0, 1]
  double k = 60;
};

// "minmax", "minmax:WEIGHT", "rrf", "rrf:K". Throws kInvalidArgument.
Fusion ParseFusion(std::string_view text);

// The fused score of each passage, by index. `scores` are the new ones and `order` their ranking;
// `first_scores` belong to the ranking in which the passages came (0, 1, 2 …). All of one length,
// no NaN.
std::vector<float> Fuse(const Fusion& fusion, std::span<const float> scores,
                        std::span<const int64_t> order, std::span<const double> first_scores);

}  // namespace dear

#endif  // DEAR_RANK_FUSION_H_
