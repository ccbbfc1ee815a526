#include "rank/window_plan.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "base/ceil_div.h"
#include "base/checked.h"
#include "base/error.h"

namespace dear {
namespace {

using Indices = std::vector<int64_t>;
using IndexLists = std::vector<Indices>;

constexpr std::pair<std::string_view, WindowOrder> kOrders[] = {
    {"sliding", WindowOrder::kSliding},
    {"partition", WindowOrder::kPartition},
    {"tournament", WindowOrder::kTournament}};

Indices Range(int64_t begin, int64_t end) {
  Indices out(static_cast<size_t>(end - begin));
  std::iota(out.begin(), out.end(), begin);
  return out;
}

void Append(Indices& to, const Indices& from) {
  to.insert(to.end(), from.begin(), from.end());
}

class SlidingPlan : public WindowPlan {
 public:
  SlidingPlan(int64_t n, int64_t depth, const WindowRule& rule)
      : list_(Range(0, n)),
        depth_(depth),
        size_(rule.size),
        step_(rule.step),
        settles_(rule.settle > 0) {
    const auto planned = CheckedMul(rule.passes, WindowsOfPass(depth_));
    if (!planned) throw Error(ErrorCode::kInvalidArgument, "passes", "are too many to count");
    planned_ = *planned;
    // Windows that do not overlap hand nothing on: what is behind the one of the last place that
    // counts stays there in every pass.
    if (settles_ && step_ == size_ && rule.settle < depth_)
      depth_ -= (depth_ - rule.settle) / size_ * size_;
    passes_ = depth_ > 1 ? rule.passes : 0;
    end_ = depth_;
    LeaveOutRepeatedPasses();
    Open();
  }

  const IndexLists& Windows() const override { return windows_; }
  Indices Permutation() const override { return list_; }
  int64_t Remaining() const override {
    if (windows_.empty()) return 0;
    return WindowsOfPass(end_) + (passes_ - 1) * WindowsOfPass(depth_);
  }
  int64_t LeftOut() const override { return planned_ - taken_ - Remaining(); }

 protected:
  void Advance(IndexLists ranked) override {
    ++taken_;
    if (settles_) answers_.emplace(std::move(windows_.front()), ranked.front());
    Place(ranked.front());
    Open();
  }

 private:
  // Of a pass over that many passages, or of the rest of one that has come so far to the front.
  int64_t WindowsOfPass(int64_t end) const {
    if (end < 2) return 0;
    // The last window begins at 0 and may be smaller than the others; alone, a passage needs none.
    const int64_t alone = step_ == size_ ? 1 : 0;
    return 1 + CeilDiv(std::max<int64_t>(0, end - size_ - alone), step_);
  }

  void Place(const Indices& ranked) {
    std::ranges::copy(ranked, list_.begin() + begin_);
    end_ -= step_;
    if (begin_ > 0 && end_ >= 2) return;
    --passes_;
    end_ = depth_;
    LeaveOutRepeatedPasses();
  }

  // A list that stood like this before an earlier pass: what was done to it since then, if anything
  // at all, is done again and again.
  void LeaveOutRepeatedPasses() {
    if (!settles_) return;
    const auto [earlier, is_new] = passes_left_.emplace(list_, passes_);
    if (!is_new) passes_ %= earlier->second - passes_;
  }

  // The next window that is to be ranked; those that were ranked before come out as they did.
  void Open() {
    windows_.clear();
    while (passes_ > 0) {
      begin_ = std::max<int64_t>(0, end_ - size_);
      Indices window(list_.begin() + begin_, list_.begin() + end_);
      const auto known = answers_.find(window);
      if (known == answers_.end()) {
        windows_.push_back(std::move(window));
        return;
      }
      Place(known->second);
    }
  }

  Indices list_;
  int64_t depth_, size_, step_;
  bool settles_;
  int64_t planned_ = 0, taken_ = 0;  // windows
  int64_t passes_ = 0;
  int64_t begin_ = 0, end_ = 0;
  IndexLists windows_;
  // Where it settles: how windows came out, and how many passes were left at each list.
  std::map<Indices, Indices> answers_;
  std::map<Indices, int64_t> passes_left_;
};

class PartitionPlan : public WindowPlan {
 public:
  PartitionPlan(int64_t n, int64_t depth, const WindowRule& rule)
      : size_(rule.size), open_(Range(0, depth)), after_(Range(depth, n)) {
    Open();
  }

  const IndexLists& Windows() const override { return windows_; }
  Indices Permutation() const override {
    Indices out = open_;
    Append(out, after_);
    return out;
  }
  int64_t Remaining() const override { return static_cast<int64_t>(windows_.size()); }

 protected:
  void Advance(IndexLists ranked) override {
    if (static_cast<int64_t>(open_.size()) <= size_) {  // all that was open, at once
      Close(ranked.front());
    } else if (!has_pivot_) {
      TakePivot(std::move(ranked.front()));
    } else {
      Divide(ranked);
    }
    Open();
  }

 private:
  // Everything in front of what is closed already, in this order.
  void Close(const Indices& ranked) {
    after_.insert(after_.begin(), ranked.begin(), ranked.end());
    open_.clear();
  }

  void TakePivot(Indices front) {
    const auto middle = front.begin() + size_ / 2;
    better_.assign(front.begin(), middle);
    worse_.assign(middle + 1, front.end());
    pivot_ = *middle;
    has_pivot_ = true;
    // The front window stands in its new order, should this be the last word.
    std::ranges::copy(front, open_.begin());
  }

  void Divide(const IndexLists& ranked) {
    for (const Indices& window : ranked) {
      const auto pivot = std::ranges::find(window, pivot_);
      better_.insert(better_.end(), window.begin(), pivot);
      worse_.insert(worse_.end(), std::next(pivot), window.end());
    }
    const bool nothing_new = static_cast<int64_t>(better_.size()) == size_ / 2;
    after_.insert(after_.begin(), worse_.begin(), worse_.end());
    after_.insert(after_.begin(), pivot_);
    // What the front window said of its better half stands where nothing came to it.
    if (nothing_new) {
      Close(better_);
    } else {
      open_ = better_;
    }
    has_pivot_ = false;
  }

  void Open() {
    windows_.clear();
    const auto n = static_cast<int64_t>(open_.size());
    if (n < 2) return;
    if (!has_pivot_) {
      windows_.emplace_back(open_.begin(), open_.begin() + std::min(n, size_));
      return;
    }
    // Windows of one size as far as that goes: a last one of two would be a poor comparison.
    const int64_t others = n - size_;
    const int64_t count = (others + size_ - 2) / (size_ - 1);
    for (int64_t i = 0; i < count; ++i) {
      Indices window(open_.begin() + size_ + others * i / count,
                     open_.begin() + size_ + others * (i + 1) / count);
      window.insert(window.begin() + static_cast<int64_t>(window.size()) / 2, pivot_);
      windows_.push_back(std::move(window));
    }
  }

  int64_t size_;
  Indices open_;   // not in order yet
  Indices after_;  // behind them
  bool has_pivot_ = false;
  int64_t pivot_ = -1;
  Indices better_, worse_;
  IndexLists windows_;
};

class TournamentPlan : public WindowPlan {
 public:
  TournamentPlan(int64_t n, int64_t depth, const WindowRule& rule)
      : size_(rule.size), open_(Range(0, depth)), after_(Range(depth, n)) {
    Open();
  }

  const IndexLists& Windows() const override { return windows_; }
  Indices Permutation() const override {
    Indices out = open_;
    Append(out, after_);
    return out;
  }
  int64_t Remaining() const override {
    int64_t windows = 0;
    for (auto n = static_cast<int64_t>(open_.size()); n > 1;) {
      const int64_t groups = Groups(n);
      windows += groups;
      if (groups == 1) break;
      int64_t winners = 0;
      for (int64_t g = 0; g < groups; ++g) winners += Winners(n / groups + (g < n % groups));
      n = winners;
    }
    return windows;
  }

 protected:
  void Advance(IndexLists ranked) override {
    open_.clear();
    if (!bye_.empty()) ranked.push_back(std::move(bye_));
    bye_.clear();
    if (ranked.size() == 1) {
      after_.insert(after_.begin(), ranked.front().begin(), ranked.front().end());
    } else {
      // By place, the groups in turn, both those who go on and those who do not.
      Indices losers;
      for (int64_t place = 0; place < size_; ++place) {
        for (const Indices& group : ranked) {
          if (place >= static_cast<int64_t>(group.size())) continue;
          Indices& to = place < Winners(static_cast<int64_t>(group.size())) ? open_ : losers;
          to.push_back(group[static_cast<size_t>(place)]);
        }
      }
      after_.insert(after_.begin(), losers.begin(), losers.end());
    }
    Open();
  }

 private:
  int64_t Groups(int64_t n) const { return (n + size_ - 1) / size_; }
  static int64_t Winners(int64_t group) { return (group + 1) / 2; }

  void Open() {
    windows_.clear();
    const auto n = static_cast<int64_t>(open_.size());
    if (n < 2) return;
    // Dealt like cards: what stands in front by now does not meet at once.
    windows_.resize(static_cast<size_t>(Groups(n)));
    for (size_t i = 0; i < open_.size(); ++i) windows_[i % windows_.size()].push_back(open_[i]);
    if (windows_.back().size() < 2) {
      bye_ = std::move(windows_.back());
      windows_.pop_back();
    }
  }

  int64_t size_;
  Indices open_;
  Indices after_;
  Indices bye_;  // a group of one: it goes on without a window
  IndexLists windows_;
};

// A plan over what stands behind the first passages of a list.
class SkippingPlan final : public WindowPlan {
 public:
  SkippingPlan(int64_t skip, std::unique_ptr<WindowPlan> rest)
      : skip_(skip), rest_(std::move(rest)) {
    Shift();
  }

  const std::vector<std::vector<int64_t>>& Windows() const override { return windows_; }
  std::vector<int64_t> Permutation() const override {
    std::vector<int64_t> all = Range(0, skip_);
    for (const int64_t index : rest_->Permutation()) all.push_back(skip_ + index);
    return all;
  }
  int64_t Remaining() const override { return rest_->Remaining(); }
  int64_t LeftOut() const override { return rest_->LeftOut(); }

 private:
  void Advance(std::vector<std::vector<int64_t>> ranked) override {
    for (size_t w = 0; w < ranked.size(); ++w) {
      for (int64_t& index : ranked[w])
        index = std::ranges::find(windows_[w], index) - windows_[w].begin();
    }
    rest_->Take(ranked);
    Shift();
  }
  void Shift() {
    windows_ = rest_->Windows();
    for (std::vector<int64_t>& window : windows_) {
      for (int64_t& index : window) index += skip_;
    }
  }

  int64_t skip_;
  std::unique_ptr<WindowPlan> rest_;
  std::vector<std::vector<int64_t>> windows_;
};

}  // namespace

std::string_view WindowOrderName(WindowOrder order) {
  for (const auto& [name, value] : kOrders)
    if (value == order) return name;
  return "";
}

WindowOrder ParseWindowOrder(std::string_view name) {
  for (const auto& [known, value] : kOrders)
    if (known == name) return value;
  throw Error(ErrorCode::kInvalidArgument, "order",
              "'" + std::string(name) + "' is none of sliding, partition, tournament");
}

void WindowPlan::Take(const std::vector<std::vector<int64_t>>& orders) {
  const IndexLists& windows = Windows();
  if (orders.size() != windows.size())
    throw Error(ErrorCode::kInternal, "windows", "not every one was ranked");
  IndexLists ranked(windows.size());
  for (size_t w = 0; w < windows.size(); ++w) {
    std::vector<bool> seen(windows[w].size(), false);
    for (const int64_t place : orders[w]) {
      if (place < 0 || static_cast<size_t>(place) >= seen.size() ||
          seen[static_cast<size_t>(place)])
        throw Error(ErrorCode::kInternal, "windows", "an order is no permutation");
      seen[static_cast<size_t>(place)] = true;
      ranked[w].push_back(windows[w][static_cast<size_t>(place)]);
    }
    if (ranked[w].size() != seen.size())
      throw Error(ErrorCode::kInternal, "windows", "an order is no permutation");
  }
  Advance(std::move(ranked));
}

std::unique_ptr<WindowPlan> MakeWindowPlan(int64_t n, const WindowRule& rule) {
  if (rule.skip > 0) {
    WindowRule rest = rule;
    rest.skip = 0;
    const int64_t end = rule.depth > 0 ? std::min(n, rule.depth) : n;
    const int64_t skip = std::min(rule.skip, end);
    rest.depth = std::max<int64_t>(1, end - skip);
    if (rule.settle > 0) rest.settle = std::max<int64_t>(1, rule.settle - skip);
    return std::make_unique<SkippingPlan>(skip, MakeWindowPlan(n - skip, rest));
  }
  const auto refuse = [](const char* field, const char* what) {
    throw Error(ErrorCode::kInvalidArgument, field, what);
  };
  const int64_t depth = rule.depth > 0 ? std::min(n, rule.depth) : n;
  WindowRule whole = rule;
  if (whole.size == 0) whole.size = std::max<int64_t>(2, depth);
  if (whole.step == 0) whole.step = whole.size / 2;
  if (whole.size < 2) refuse("window", "must be at least 2");
  if (whole.step < 1) refuse("step", "must be at least 1");
  if (whole.step > whole.size) {
    refuse("step", "must not be larger than the window: passages between windows would be lost");
  }
  if (whole.passes < 1) refuse("passes", "must be at least 1");
  switch (rule.order) {
    case WindowOrder::kSliding: return std::make_unique<SlidingPlan>(n, depth, whole);
    case WindowOrder::kPartition: return std::make_unique<PartitionPlan>(n, depth, whole);
    case WindowOrder::kTournament: return std::make_unique<TournamentPlan>(n, depth, whole);
  }
  throw Error(ErrorCode::kInternal, "windows", "no such order");
}

}  // namespace dear
