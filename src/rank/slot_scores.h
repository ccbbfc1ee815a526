#ifndef DEAR_RANK_SLOT_SCORES_H_
#define DEAR_RANK_SLOT_SCORES_H_

#include <cstdint>
#include <span>
#include <vector>

#include "rank/identifier_paths.h"

namespace dear {

// What a model has said so far about which passage comes next at each place of its ranking, after
// rankings that it has written and after guessed ones that it has not, and the ranking that this
// makes likeliest.
class SlotScores {
 public:
  // `paths`: how each passage's id is written; those that begin with the same token are a family,
  // of which a row of logits may show only the whole. Empty ones are families of their own.
  explicit SlotScores(std::span<const std::vector<TokenId>> paths);

  // After `prefix`, a ranking of some passages, the model was asked for the next. Takes the place
  // of what was known of the same place, or adds to it what is said after the same passages.
  void Set(std::vector<int64_t> prefix, Ballot ballot);

  bool empty() const { return empty_; }

  struct Guess {
    std::vector<int64_t> order;  // of all passages
    // At this place of it nothing is known that tells a passage from several others of its family;
    // the number of passages where that is nowhere so.
    size_t informed = 0;
  };
  // `prefix` and all other passages behind it; `first` are those that may come next.
  Guess Complete(std::vector<int64_t> prefix, std::span<const int64_t> first) const;

 private:
  struct Slot {
    std::vector<bool> named;  // in the prefix
    Ballot ballot;            // without scores: nothing is known
    bool Tells(size_t passage) const;
  };
  // A place that has a say about another, the nearer the more.
  struct Witness {
    const Slot* slot;
    double weight;
  };
  struct Estimate {
    std::vector<double> scores;    // minus infinity where nothing is known of a passage
    std::vector<bool> told_apart;  // from others of its family
  };

  std::vector<Witness> Witnesses(size_t place) const;
  // What tells the passages of each family from one another.
  Estimate WithinFamilies(std::span<const Witness> witnesses) const;
  // A ballot with each bundle's probability spread over its passages as `within` says.
  std::vector<double> Spread(const Slot& slot, const Estimate& within) const;
  Estimate EstimateBehind(std::span<const int64_t> prefix) const;

  std::vector<size_t> family_;  // by passage: the first passage of its family
  std::vector<Slot> slots_;
  bool empty_ = true;
};

}  // namespace dear

#endif  // DEAR_RANK_SLOT_SCORES_H_
