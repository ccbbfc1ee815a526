#include "text/bpe_merge.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace dear {
namespace {

constexpr uint32_t kNoRank = std::numeric_limits<uint32_t>::max();

// Symbols of which each stands in the slot of the first that it is made of; the other slots have
// length 0. A slot's neighbours lie beside it in memory, so walking the chain costs no jumps.
class Chain {
 public:
  Chain(std::vector<Symbol>& symbols, size_t from)
      : symbols_(symbols),
        from_(from),
        slots_(symbols.data() + from),
        far_(symbols.size() - from) {}

  uint32_t size() const { return static_cast<uint32_t>(far_.size()); }
  const Symbol& operator[](uint32_t slot) const { return slots_[slot]; }
  bool Has(uint32_t slot) const { return slots_[slot].length != 0; }
  // size() behind the last symbol.
  uint32_t After(uint32_t slot) const {
    return slot + 1 < size() && !Has(slot + 1) ? far_[slot] : slot + 1;
  }
  // Of a slot that is not the first.
  uint32_t Before(uint32_t slot) const { return Has(slot - 1) ? slot - 1 : far_[slot - 1]; }

  // The symbol at `left` takes in the one at `right`, which follows it.
  void Join(uint32_t left, uint32_t right, TokenId product) {
    const uint32_t end = After(right);
    slots_[left] = {product, slots_[left].length + slots_[right].length};
    slots_[right].length = 0;
    far_[left] = end;
    far_[end - 1] = left;
  }

  void RemoveEmptySlots() {
    const auto first = symbols_.begin() + static_cast<std::ptrdiff_t>(from_);
    symbols_.erase(
        std::remove_if(first, symbols_.end(), [](const Symbol& x) { return x.length == 0; }),
        symbols_.end());
  }

 private:
  std::vector<Symbol>& symbols_;
  size_t from_;
  Symbol* slots_;
  // Of a symbol of several slots: in the first the slot after it, in the last its first slot.
  std::vector<uint32_t> far_;
};

struct Candidate {
  uint32_t rank;
  uint32_t slot;
  // std::push_heap keeps the largest on top; wanted is the lowest rank, then the leftmost.
  bool operator<(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : slot > other.slot;
  }
};

class CandidateHeap {
 public:
  bool empty() const { return heap_.empty(); }
  const Candidate& top() const { return heap_.front(); }
  void Push(const Candidate& candidate) {
    heap_.push_back(candidate);
    std::push_heap(heap_.begin(), heap_.end());
  }
  Candidate Pop() {
    const Candidate top = heap_.front();
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
    return top;
  }
  void Assign(std::vector<Candidate> candidates) {
    heap_ = std::move(candidates);
    std::make_heap(heap_.begin(), heap_.end());
  }

 private:
  std::vector<Candidate> heap_;
};

// Does what `candidate` proposes, should it still hold: its symbols may have been merged away.
// Calls add(left, right) for the two pairs that arise.
template <typename Add>
void Take(const MergeTable& merges, const Candidate& candidate, Chain& chain, Add add) {
  const uint32_t left = candidate.slot;
  if (!chain.Has(left)) return;
  const uint32_t right = chain.After(left);
  if (right == chain.size()) return;
  const Merge* merge = merges.Find(chain[left].id, chain[right].id);
  if (merge == nullptr || merge->rank != candidate.rank) return;
  chain.Join(left, right, merge->product);
  if (left != 0) add(chain.Before(left), left);
  if (const uint32_t after = chain.After(left); after != chain.size()) add(left, after);
}

}  // namespace

void MergeByScan(const MergeTable& merges, std::vector<Symbol>& symbols, size_t from) {
  size_t count = symbols.size() - from;
  if (count < 2) return;
  Symbol* const s = symbols.data() + from;
  Merge best_of[kFewSymbols];  // of symbol i with its right neighbour
  const auto look_up = [&](size_t i) {
    const Merge* merge = merges.Find(s[i].id, s[i + 1].id);
    best_of[i] = merge != nullptr ? *merge : Merge{kNoRank, 0};
  };
  for (size_t i = 0; i + 1 < count; ++i) look_up(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (best_of[i].rank < best_of[best].rank) best = i;
    }
    if (best_of[best].rank == kNoRank) break;
    s[best] = {best_of[best].product, s[best].length + s[best + 1].length};
    for (size_t i = best + 1; i + 1 < count; ++i) {
      s[i] = s[i + 1];
      best_of[i - 1] = best_of[i];
    }
    --count;
    if (best > 0) look_up(best - 1);
    if (best + 1 < count) look_up(best);
  }
  symbols.resize(from + count);
}

void MergeByHeap(const MergeTable& merges, std::vector<Symbol>& symbols, size_t from) {
  Chain chain(symbols, from);
  std::vector<Candidate> candidates;
  for (uint32_t i = 0; i + 1 < chain.size(); ++i) {
    if (const Merge* merge = merges.Find(chain[i].id, chain[i + 1].id)) {
      candidates.push_back({merge->rank, i});
    }
  }
  CandidateHeap heap;
  heap.Assign(std::move(candidates));
  const auto add = [&](uint32_t left, uint32_t right) {
    if (const Merge* merge = merges.Find(chain[left].id, chain[right].id)) {
      heap.Push({merge->rank, left});
    }
  };
  while (!heap.empty()) Take(merges, heap.Pop(), chain, add);
  chain.RemoveEmptySlots();
}

// A heap of millions of candidates is a cache miss a level. Merges arise almost always with a
// higher rank than the one that is being done, so the candidates of each rank are gathered in a
// bucket of its own and the buckets are done one after the other, each from left to right. Those
// few that arise with a rank already begun go through a small heap.
void MergeByBuckets(const MergeTable& merges, std::vector<Symbol>& symbols, size_t from) {
  Chain chain(symbols, from);
  std::vector<std::vector<uint32_t>> buckets(merges.end_rank());  // slots, by rank
  CandidateHeap late;
  uint32_t next_rank = 0;  // buckets from here on have not been begun
  const auto add = [&](uint32_t left, uint32_t right) {
    const Merge* merge = merges.Find(chain[left].id, chain[right].id);
    if (merge == nullptr) return;
    if (merge->rank < next_rank) return late.Push({merge->rank, left});
    buckets[merge->rank].push_back(left);
  };
  for (uint32_t i = 0; i + 1 < chain.size(); ++i) add(i, i + 1);
  while (next_rank < buckets.size()) {
    const uint32_t rank = next_rank++;
    std::vector<uint32_t> slots = std::move(buckets[rank]);
    if (slots.empty()) continue;
    if (!std::is_sorted(slots.begin(), slots.end())) std::sort(slots.begin(), slots.end());
    for (const uint32_t slot : slots) {
      const Candidate candidate{rank, slot};
      while (!late.empty() && candidate < late.top()) Take(merges, late.Pop(), chain, add);
      Take(merges, candidate, chain, add);
    }
    while (!late.empty()) Take(merges, late.Pop(), chain, add);
  }
  chain.RemoveEmptySlots();
}

}  // namespace dear
