#ifndef DEAR_APPS_DEAR_RESULT_FILE_H_
#define DEAR_APPS_DEAR_RESULT_FILE_H_

#include <cstddef>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "job_settings.h"
#include "record_file.h"
#include "result_maker.h"

namespace dear::app {

// Results of many queries, each on disk as soon as it is finished, with the settings that made
// them beside it (job_settings.h).
class ResultFile {
 public:
  // Opens or makes the file. An existing one is refused (kInvalidArgument), emptied, or carried on
  // where it was made with the same settings: its finished queries are read, and a last one that
  // was cut off is dropped. Where nothing says what the settings were, results that are signed must
  // be signed by one of `makers`. Throws kIo, and kInvalidFormat for a line that is no result.
  ResultFile(const std::filesystem::path& path, RecordLayout layout, ExistingFile existing,
             const JobSettings& settings, const std::set<ResultMaker>& makers);

  // Whether it was carried on although nothing says how it was made.
  bool of_unknown_settings() const { return of_unknown_settings_; }

  const std::set<std::string>& finished() const { return finished_; }
  // Those of them that failed.
  size_t failed() const { return failed_; }
  void Append(std::string_view record) { records_->Append(record); }
  // Says beside the output that a query failed; call it before its record is appended. Formats of
  // others cannot say so themselves.
  void NoteFailure(const std::string& qid);
  void Sync() { records_->Sync(); }

 private:
  void Finished(const std::string& qid, bool holds_error);
  void Take(std::string_view record, const std::string& where, const std::set<ResultMaker>& makers);

  std::filesystem::path path_;
  std::optional<RecordFile> records_;
  JobRecord job_;
  bool of_unknown_settings_ = false;
  std::set<std::string> finished_;
  size_t failed_ = 0;
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_RESULT_FILE_H_
