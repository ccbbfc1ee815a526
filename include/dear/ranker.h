#ifndef DEAR_RANKER_H_
#define DEAR_RANKER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dear {

struct RankedPassage {
  size_t index = 0;  // in the list that was given
  float score = 0;   // see Ranking::score_kind; higher is better
};

struct Ranking {
  std::vector<RankedPassage> passages;  // best first, every passage exactly once
  std::string score_kind;               // "position", "logit", "probability", "log_likelihood"
  std::string text;                     // a listwise model's answer as written
  std::string reasoning;                // kept apart from it
  std::string repair;  // "ok", or what had to be mended: "wrong_format", "missing", "repetition"
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;  // of these: taken from the prefix cache, not computed
  int64_t completion_tokens = 0;
};

struct RankSettings {
  int64_t max_new_tokens = 0;                           // 0: as the recipe says
  bool reasoning = false;                               // let the model reason before it ranks
  std::function<void(std::string_view piece)> on_text;  // a listwise answer as it is written
  std::function<bool()> cancel;                         // asked between steps; throws kCancelled
};

// Puts passages in order by one recipe over one model. Made by Engine::MakeRanker; keeps the model
// alive.
class Ranker {
 public:
  Ranking Rank(const std::string& query, const std::vector<std::string>& passages,
               const RankSettings& settings = {}) const;
  const std::string& recipe() const;

 private:
  friend class Engine;
  struct Impl;
  explicit Ranker(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace dear

#endif  // DEAR_RANKER_H_
