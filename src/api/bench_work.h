#ifndef DEAR_API_BENCH_WORK_H_
#define DEAR_API_BENCH_WORK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/machine_peak.h"
#include "model/adapter.h"
#include "model/model.h"

namespace dear {

// A piece of work whose speed is measured, on token ids that are the same every time.
//   prefillN       a prompt of N tokens, the head behind the last
//   verifyN        N more tokens at once behind a prompt of 512, the head behind each: what
//                  checking a drafted answer costs
//   decodeN        N tokens one by one behind a prompt of 512 (without a number: 32)
//   pointwiseBxT   B sequences of T tokens in one call, the head behind the last of each
//   listwiseN      N passages of 100 words: a prompt of 135 N + 100 tokens, then the 5 N - 1 tokens
//                  of an answer like "[4] > [1]", one by one
//   load           from opening the files to the logits of a first token (bench_load.h)
//   loadcold       the same, after the files' pages were dropped from the cache
struct BenchWork {
  enum class Kind : uint8_t { kPrefill, kVerify, kDecode, kPointwise, kListwise, kLoad, kLoadCold };
  std::string name;
  Kind kind = Kind::kPrefill;
  int64_t sequences = 1;
  int64_t before = 0;   // tokens of each that are there before the clock starts
  int64_t prompt = 0;   // tokens of each that are read in one call
  int64_t decoded = 0;  // tokens that follow, a call each

  bool loads() const { return kind == Kind::kLoad || kind == Kind::kLoadCold; }
};

// Throws kInvalidArgument that lists the kinds.
BenchWork ParseBenchWork(std::string_view name);

// What the work asks of a machine, whoever does it.
struct BenchCost {
  int64_t tokens = 0;  // read and written, while the clock runs
  double flop = 0;     // of products with weights, of the head and of attention
  double bytes = 0;    // weights read from memory, once a call
};
BenchCost CostOf(const BenchWork& work, const Model& model, const Adapter* adapter = nullptr);

// The least time that work takes on a machine: at the peak of its arithmetic, or of its memory
// where that is longer. `compute` says whether products of bf16 and int8 numbers count. 0: not
// known.
struct BenchFloor {
  double seconds = 0;
  std::string_view bound_by;  // "arithmetic", "memory", or "disk" where files are read
};
BenchFloor FloorOf(const BenchCost& cost, const MachinePeak& peak, Compute compute);

// Who does the work.
struct BenchSubject {
  std::shared_ptr<const Model> model;
  std::shared_ptr<const Adapter> adapter;  // null: the base alone
  std::shared_ptr<ThreadPool> pool;
};

struct BenchRun {
  double seconds = 0;          // behind the tokens of `before`
  std::vector<float> outputs;  // of the head, in the order in which it was asked
};
BenchRun RunWork(const BenchWork& work, const BenchSubject& subject);

// Seconds of `repeats` runs, after one that is not timed. Throws kInternal where a run gives other
// bits than the first. Is asked between runs whether to stop (kCancelled).
std::vector<double> TimeWork(const BenchWork& work, const BenchSubject& subject, int repeats,
                             const std::function<bool()>& cancelled = {});

}  // namespace dear

#endif  // DEAR_API_BENCH_WORK_H_
