#ifndef DEAR_API_BENCH_LOAD_H_
#define DEAR_API_BENCH_LOAD_H_

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "api/bench_work.h"
#include "api/loaded_model.h"

namespace dear {

// How long a model takes from opening its files to the logits of a first token. The token belongs
// to it: weights that are mapped are read by what first multiplies them, so that without it a model
// would count as loaded of which nothing is in memory.
struct LoadTiming {
  std::vector<double> seconds;         // of each run
  std::vector<double> seconds_opened;  // of each, until the token was begun
  BenchCost cost;                      // of the token: bytes are the weights as they are held

  // Of loadcold alone, summed over the model's files and that of its packed weights:
  uint64_t file_bytes = 0;
  uint64_t kept_bytes = 0;           // that the kernel did not drop, the most of any run
  uint64_t read_bytes = 0;           // that a run brought into the cache, the least of any
  double disk_bytes_per_second = 0;  // MeasureDiskRate; 0: not known

  // What the kernel kept is so little that the start was a cold one.
  bool is_cold() const;
};

// `work` loads; `use` is the adapter, as LoadedModel::FindAdapter takes it. One run before the
// others is not timed. No other model may hold the same files mapped, or their pages stay. Throws
// kInternal where a run gives other bits than the first, and what Load throws; asks between runs
// whether to stop (kCancelled).
LoadTiming TimeLoad(const BenchWork& work, const LoadRequest& request, std::string_view use,
                    int repeats, const std::function<bool()>& cancelled = {});

// The least time of it: of the token (FloorOf), or of reading from the disk where that is longer.
// 0: not known, as of a start that was to be cold and is not.
BenchFloor FloorOfLoad(const BenchWork& work, const LoadTiming& timing, const MachinePeak& peak,
                       Compute compute);

}  // namespace dear

#endif  // DEAR_API_BENCH_LOAD_H_
