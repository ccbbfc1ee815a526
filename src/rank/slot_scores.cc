#include "rank/slot_scores.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>

namespace dear {
namespace {

// What is said at the neighbouring place counts this much of what is said at a place itself.
constexpr double kNeighbour = 0.6;
// Places that have a say, the nearest that are known.
constexpr size_t kPlaces = 12;
constexpr int kRounds = 4;
// One passage is guessed before another of its family where nothing tells them apart.
constexpr size_t kOthersToGuessAmong = 1;
constexpr double kUnknown = -std::numeric_limits<double>::infinity();

std::vector<bool> Marks(std::span<const int64_t> passages, size_t n) {
  std::vector<bool> marks(n, false);
  for (const int64_t passage : passages) marks[static_cast<size_t>(passage)] = true;
  return marks;
}

// One value of a table whose rows show the same preferences, each from a level of its own.
struct Cell {
  size_t row;
  size_t passage;
  double value;
  double weight;
};

// The preferences by passage: least squares over levels and preferences in turn. Minus infinity for
// a passage that stands in no cell.
std::vector<double> FitPreferences(std::span<const Cell> cells, size_t rows, size_t passages) {
  std::vector<double> levels(rows, 0);
  std::vector<double> preferences;
  const auto average = [&](size_t count, size_t Cell::*key, const auto& value) {
    std::vector<double> sums(count, 0);
    std::vector<double> weights(count, 0);
    for (const Cell& cell : cells) {
      sums[cell.*key] += cell.weight * value(cell);
      weights[cell.*key] += cell.weight;
    }
    for (size_t i = 0; i < count; ++i) sums[i] = weights[i] > 0 ? sums[i] / weights[i] : kUnknown;
    return sums;
  };
  for (int round = 0; round < kRounds; ++round) {
    preferences = average(passages, &Cell::passage,
                          [&](const Cell& cell) { return cell.value - levels[cell.row]; });
    levels = average(rows, &Cell::row,
                     [&](const Cell& cell) { return cell.value - preferences[cell.passage]; });
  }
  return preferences;
}

}  // namespace

SlotScores::SlotScores(std::span<const std::vector<TokenId>> paths) : slots_(paths.size()) {
  std::map<TokenId, size_t> first;
  for (size_t i = 0; i < paths.size(); ++i) {
    family_.push_back(paths[i].empty() ? i : first.emplace(paths[i].front(), i).first->second);
  }
}

bool SlotScores::Slot::Tells(size_t passage) const {
  return !named[passage] && std::isfinite(ballot.scores[passage]);
}

void SlotScores::Set(std::vector<int64_t> prefix, Ballot ballot) {
  if (prefix.size() >= slots_.size()) return;
  Slot& slot = slots_[prefix.size()];
  std::vector<bool> named = Marks(prefix, slots_.size());
  if (!slot.ballot.scores.empty() && slot.named == named) {
    // A later token of the same choice tells the passages of one bundle apart.
    const auto bundles = static_cast<int32_t>(slots_.size());
    for (size_t i = 0; i < slots_.size(); ++i) {
      double& score = ballot.scores[i];
      int32_t& bundle = ballot.bundle[i];
      if (!std::isfinite(score)) {
        score = slot.ballot.scores[i];
        bundle = slot.ballot.bundle[i];
      } else if (slot.ballot.bundle[i] >= 0) {
        score += slot.ballot.scores[i];
        if (bundle >= 0) bundle += bundles;
      }
    }
  }
  slot = {std::move(named), std::move(ballot)};
  empty_ = false;
}

std::vector<SlotScores::Witness> SlotScores::Witnesses(size_t place) const {
  std::vector<Witness> witnesses;
  size_t nearest = 0;
  for (size_t distance = 0; distance < slots_.size() && witnesses.size() < kPlaces; ++distance) {
    const auto add = [&](size_t s) {
      if (s >= slots_.size() || slots_[s].ballot.scores.empty()) return;
      if (witnesses.empty()) nearest = distance;
      witnesses.push_back(
          {&slots_[s], std::pow(kNeighbour, static_cast<double>(distance - nearest))});
    };
    add(place + distance);
    if (distance > 0 && distance <= place) add(place - distance);
  }
  return witnesses;
}

SlotScores::Estimate SlotScores::WithinFamilies(std::span<const Witness> witnesses) const {
  const size_t n = slots_.size();
  std::vector<Cell> cells;
  for (size_t w = 0; w < witnesses.size(); ++w) {
    const Slot& slot = *witnesses[w].slot;
    for (size_t i = 0; i < n; ++i) {
      if (slot.Tells(i) && slot.ballot.bundle[i] < 0) {
        cells.push_back({w * n + family_[i], i, slot.ballot.scores[i], witnesses[w].weight});
      }
    }
  }
  Estimate out{FitPreferences(cells, witnesses.size() * n, n), std::vector<bool>(n, false)};
  for (const Cell& cell : cells) out.told_apart[cell.passage] = true;
  return out;
}

std::vector<double> SlotScores::Spread(const Slot& slot, const Estimate& within) const {
  std::vector<double> scores(slots_.size(), kUnknown);
  std::map<int32_t, double> sums;
  // A passage that was never told from its family stands like the likeliest of it.
  const auto weight = [&](size_t i) {
    return within.told_apart[i] ? std::exp(std::min(within.scores[i], 0.0)) : 1.0;
  };
  for (size_t i = 0; i < scores.size(); ++i) {
    if (slot.Tells(i)) sums[slot.ballot.bundle[i]] += weight(i);
  }
  for (size_t i = 0; i < scores.size(); ++i) {
    if (!slot.Tells(i)) continue;
    scores[i] = slot.ballot.scores[i];
    if (slot.ballot.bundle[i] >= 0) scores[i] += std::log(weight(i) / sums[slot.ballot.bundle[i]]);
  }
  return scores;
}

SlotScores::Estimate SlotScores::EstimateBehind(std::span<const int64_t> prefix) const {
  const size_t n = slots_.size();
  const std::vector<Witness> witnesses = Witnesses(prefix.size());
  Estimate within = WithinFamilies(witnesses);
  // Of a family the likeliest has 0.
  std::vector<double> most(n, kUnknown);
  for (size_t i = 0; i < n; ++i) most[family_[i]] = std::max(most[family_[i]], within.scores[i]);
  for (size_t i = 0; i < n; ++i) {
    if (within.told_apart[i]) within.scores[i] -= most[family_[i]];
  }
  const Slot& own = slots_[prefix.size()];
  // What follows depends little on the order of what stands before.
  const bool answered = !own.ballot.scores.empty() && own.named == Marks(prefix, n);
  if (answered) return {Spread(own, within), within.told_apart};
  std::vector<Cell> cells;
  for (size_t w = 0; w < witnesses.size(); ++w) {
    const std::vector<double> scores = Spread(*witnesses[w].slot, within);
    for (size_t i = 0; i < n; ++i) {
      if (std::isfinite(scores[i])) cells.push_back({w, i, scores[i], witnesses[w].weight});
    }
  }
  return {FitPreferences(cells, witnesses.size(), n), within.told_apart};
}

SlotScores::Guess SlotScores::Complete(std::vector<int64_t> prefix,
                                       std::span<const int64_t> first) const {
  const size_t n = slots_.size();
  std::vector<bool> named = Marks(prefix, n);
  std::vector<bool> may_follow = Marks(first, n);
  size_t informed = n;
  while (prefix.size() < n) {
    const Estimate estimate = EstimateBehind(prefix);
    // The first token is chosen first: by what all that begin with it have together.
    std::vector<double> shares(n, 0);
    for (size_t i = 0; i < n; ++i) {
      if (!named[i] && may_follow[i]) shares[family_[i]] += std::exp(estimate.scores[i]);
    }
    size_t best = n;
    size_t others = 0;
    const auto behind = [&](size_t a, size_t b) {
      const double mine = shares[family_[a]];
      const double theirs = shares[family_[b]];
      return mine != theirs ? mine < theirs : estimate.scores[a] < estimate.scores[b];
    };
    for (size_t i = 0; i < n; ++i) {
      if (named[i] || !may_follow[i]) continue;
      if (best == n || behind(best, i)) best = i;
    }
    if (best == n) break;
    for (size_t i = 0; i < n; ++i) {
      if (i != best && !named[i] && may_follow[i] && family_[i] == family_[best]) ++others;
    }
    if (others > kOthersToGuessAmong && !estimate.told_apart[best]) {
      informed = std::min(informed, prefix.size());
    }
    named[best] = true;
    prefix.push_back(static_cast<int64_t>(best));
    may_follow.assign(n, true);
  }
  return {std::move(prefix), informed};
}

}  // namespace dear
