#ifndef DEAR_RANK_WINDOW_PLAN_H_
#define DEAR_RANK_WINDOW_PLAN_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace dear {

// How a list that is longer than one prompt holds is put in order.
enum class WindowOrder {
  // From the back to the front, as RankGPT and RankLLM: each window takes what the one behind it
  // left in front. Windows follow each other; the first `size - step` places are sure after a pass.
  kSliding,
  // The front window gives a pivot at its middle; everything else is compared with the pivot, all
  // windows at once; what is better is put in order the same way (after Parry et al. 2024,
  // "Top-Down Partitioning for Efficient List-Wise Ranking").
  kPartition,
  // Groups dealt like cards send the better half of each to the next round, until one window holds
  // all that is left. All windows of a round at once.
  kTournament,
};
std::string_view WindowOrderName(WindowOrder order);
// Throws kInvalidArgument for another name than sliding, partition, tournament.
WindowOrder ParseWindowOrder(std::string_view name);

struct WindowRule {
  int64_t size = 0;    // passages in one call; 0: all in one
  int64_t step = 0;    // sliding: passages by which it moves to the front; 0: half of the size
  int64_t depth = 0;   // the list takes part up to this place; 0: all of it
  int64_t skip = 0;    // its first passages keep their places
  int64_t passes = 1;  // sliding: how often the whole list is gone through
  WindowOrder order = WindowOrder::kSliding;
  // Above 0: windows are left out where the first `settle` places provably come out the same, given
  // that the same passages in the same order are always answered alike; what is behind them may
  // stand in an unfinished order. Sliding alone has such windows: those that were ranked before,
  // and, where the step is the size, those that do not reach these places. Every window of the
  // other orders decides who comes to the front.
  int64_t settle = 0;
};

// The windows of one list, handed out in rounds: which passages are to be ranked together now,
// given how the earlier ones came out. Knows no model, so that many lists advance side by side.
// Whatever orders it is given, every passage stays in the list exactly once.
class WindowPlan {
 public:
  virtual ~WindowPlan() = default;

  // The windows of this round, none of which depends on another: indices of passages in their
  // present order, two or more each. Empty when the list is done.
  virtual const std::vector<std::vector<int64_t>>& Windows() const = 0;
  // How the windows came out: for each, its places in their new order (a permutation of
  // [0, size of the window)). Throws kInternal for anything else.
  void Take(const std::vector<std::vector<int64_t>>& orders);

  // All passages by index, best first. Final when there are no more windows.
  virtual std::vector<int64_t> Permutation() const = 0;
  // Windows that are still to come as far as that is known, those of this round included.
  virtual int64_t Remaining() const = 0;
  // Windows that WindowRule::settle has left out so far.
  virtual int64_t LeftOut() const { return 0; }

 protected:
  // `ranked`: the passages of each window in their new order.
  virtual void Advance(std::vector<std::vector<int64_t>> ranked) = 0;
};

// A plan over a list of `n` in its first order. Throws kInvalidArgument for a size below 2, a step
// below 1 or above the size (passages between windows would be lost), passes below 1 or more than
// can be counted in windows.
std::unique_ptr<WindowPlan> MakeWindowPlan(int64_t n, const WindowRule& rule);

}  // namespace dear

#endif  // DEAR_RANK_WINDOW_PLAN_H_
