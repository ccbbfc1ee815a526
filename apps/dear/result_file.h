#ifndef DEAR_APPS_DEAR_RESULT_FILE_H_
#define DEAR_APPS_DEAR_RESULT_FILE_H_

#include <filesystem>
#include <set>
#include <string>
#include <string_view>

namespace dear::app {

enum class ExistingFile { kRefuse, kResume, kOverwrite };
enum class ResultFormat { kJsonLines, kTrec };

// What a result was made with.
struct ResultMaker {
  std::string model;
  std::string recipe;
  auto operator<=>(const ResultMaker&) const = default;
};

// Results of many queries, each on disk as soon as it is finished.
class ResultFile {
 public:
  // Opens or makes the file. An existing one is refused (kInvalidArgument), emptied, or carried on:
  // its finished queries are read, and a last one that was cut off is dropped. Lines made by
  // something that is not in `makers` are refused: a file never holds results of another job.
  ResultFile(std::filesystem::path path, ExistingFile existing, ResultFormat format,
             const std::set<ResultMaker>& makers);
  ~ResultFile();
  ResultFile(const ResultFile&) = delete;
  ResultFile& operator=(const ResultFile&) = delete;

  const std::set<std::string>& finished() const { return finished_; }
  // All of one query's lines. Throws kIo.
  void Append(std::string_view lines);

 private:
  void ReadFinished(ResultFormat format, const std::set<ResultMaker>& makers);

  std::filesystem::path path_;
  std::set<std::string> finished_;
  int descriptor_ = -1;
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_RESULT_FILE_H_
