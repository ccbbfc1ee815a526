#ifndef DEAR_APPS_DEAR_RESULT_FILE_H_
#define DEAR_APPS_DEAR_RESULT_FILE_H_

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

namespace dear::app {

enum class ExistingFile { kRefuse, kResume, kOverwrite };
enum class ResultFormat {
  kJsonLines,
  kTrec,
  kExchange  // RankLLM's or RankGPT's objects, one a line, which do not say who made them
};

// What a result was made with.
struct ResultMaker {
  std::string model;
  std::string recipe;
  bool operator<(const ResultMaker& other) const {
    return std::tie(model, recipe) < std::tie(other.model, other.recipe);
  }
};

// Results of many queries, each on disk as soon as it is finished.
class ResultFile {
 public:
  // Opens or makes the file. An existing one is refused (kInvalidArgument), emptied, or carried on:
  // its finished queries are read, and a last one that was cut off is dropped, wherever the cut is
  // (of TREC lines the last query goes always: nothing there says that it was whole). Lines made by
  // something that is not in `makers` are refused: a file never holds results of another job.
  ResultFile(std::filesystem::path path, ExistingFile existing, ResultFormat format,
             const std::set<ResultMaker>& makers);
  ~ResultFile();
  ResultFile(const ResultFile&) = delete;
  ResultFile& operator=(const ResultFile&) = delete;

  const std::set<std::string>& finished() const { return finished_; }
  // Those of them that hold an error.
  size_t failed() const { return failed_; }
  // All of one query's lines. They outlive this process at once, and a loss of power after a
  // second. Throws kIo.
  void Append(std::string_view lines);
  // All that was appended is on the disk when this returns. Throws kIo.
  void Sync();

 private:
  void ReadFinished(ResultFormat format, const std::set<ResultMaker>& makers);
  // One line of JSON.
  void TakeResult(std::string_view line, ResultFormat format, const std::string& where,
                  const std::set<ResultMaker>& makers);

  std::filesystem::path path_;
  std::set<std::string> finished_;
  size_t failed_ = 0;
  int descriptor_ = -1;
  std::chrono::steady_clock::time_point synced_ = std::chrono::steady_clock::now();
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_RESULT_FILE_H_
