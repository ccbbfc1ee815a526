#ifndef DEAR_APPS_DEAR_MINE_RUN_H_
#define DEAR_APPS_DEAR_MINE_RUN_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "mine_options.h"
#include "progress_bar.h"
#include "record_file.h"
#include "search/bm25_index.h"

namespace dear::app {

struct MineReport {
  size_t rows = 0;    // written, or topics searched for, now or before
  size_t before = 0;  // of them
  size_t fewer = 0;   // rows with fewer negatives than asked for, topics without a passage
  size_t dropped = 0;
  size_t passages = 0;
  size_t terms = 0;
  uint64_t postings = 0;
  uint64_t index_bytes = 0;
  double index_seconds = 0;  // until the first search, reading included
  double seconds = 0;
};

// One run of dear mine: negatives for pairs, or a run for topics.
class MineRun {
 public:
  MineRun(const MineOptions& options, bool quiet);

  // Throws what HardNegatives, FirstStage and RecordFile throw; kCancelled.
  MineReport Run();

 private:
  using KeepFn = std::function<bool(std::string_view record, const std::string& where)>;
  // One more row: what is appended for it.
  using RecordsFn = std::function<std::vector<std::string>(size_t begin, size_t end)>;

  void MinePairs();
  void SearchTopics();
  void OpenFile(RecordLayout layout, const Bm25Index& index, const KeepFn& keep);
  // Appends what `records` gives of the rows from `begin` up to `count`, some at a time.
  void Write(size_t begin, size_t count, const char* what, const RecordsFn& records);
  void SayDone(size_t done, size_t count, const char* what) const;
  double Seconds() const;

  const MineOptions& options_;
  bool quiet_;
  ThreadPool pool_;
  ProgressBar bar_;
  std::optional<RecordFile> file_;
  MineReport report_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_MINE_RUN_H_
