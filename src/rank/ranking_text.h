#ifndef DEAR_RANK_RANKING_TEXT_H_
#define DEAR_RANK_RANKING_TEXT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rank/recipe.h"

namespace dear {

// The text of a ranking of n passages, "[2] > [0] > [1]", as a recipe says that a model writes it:
// read as far as it has come, and written on.
class RankingText {
 public:
  RankingText(const Recipe& recipe, int64_t n);

  // A ranking that is under way. After it comes `fixed`, whatever is ranked next, and then the rest
  // of an id that begins with `begun`.
  struct State {
    std::vector<int64_t> named;  // passages whose ids stand there whole, best first
    std::string fixed;
    std::string begun;  // not empty only where `fixed` is
  };

  // A ranking of which nothing is written.
  State Start() const { return {.named = {}, .fixed = before_id_, .begun = {}}; }
  // `text` as the beginning of a ranking, from its first to its last byte; absent where it is none:
  // other text, an id out of range, one that stands twice.
  std::optional<State> Read(std::string_view text) const;
  // The longest end of `text` that is a ranking under way and shows it (an id begins or has been
  // written).
  std::optional<State> ReadEnd(std::string_view text) const;

  // Whether nothing follows.
  bool Complete(const State& state) const;
  // What is written after `state` where `next` are ranked next: whole with the end of the last id's
  // item or, where passages are left, with all that stands before the next id. `places` takes where
  // in that text each of the ids begins and ends.
  struct Place {
    size_t begin = 0, end = 0;
  };
  std::string Continuation(const State& state, std::span<const int64_t> next,
                           std::vector<Place>* places = nullptr) const;

  int64_t size() const { return static_cast<int64_t>(ids_.size()); }
  const std::string& Id(int64_t index) const { return ids_[static_cast<size_t>(index)]; }
  // Passages of `state` that are not named and whose id begins as it does, in their order.
  std::vector<int64_t> Candidates(const State& state) const;

 private:
  bool IsIdByte(char c) const;

  IdStyle style_;
  std::vector<std::string> ids_;  // by passage
  std::string before_id_, after_id_, separator_;
};

}  // namespace dear

#endif  // DEAR_RANK_RANKING_TEXT_H_
