#ifndef DEAR_APPS_DEAR_LABEL_FILE_H_
#define DEAR_APPS_DEAR_LABEL_FILE_H_

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/json.h"
#include "job_settings.h"
#include "record_file.h"

namespace dear::app {

// Labelled rows, one a line, each on disk as soon as it is finished, with the settings that made
// them beside it (job_settings.h). A row says in its field "teacher" which of the input's rows it
// is of.
class LabelFile {
 public:
  // Opens or makes the file. An existing one is refused (kInvalidArgument), emptied, or carried on
  // where it was made with the same settings: its rows are counted, and a last one that was cut off
  // is dropped. Throws kIo; kInvalidArgument for one of other or unknown settings; kInvalidFormat
  // for a line that is no labelled row.
  LabelFile(const std::filesystem::path& path, ExistingFile existing, const JobSettings& settings);

  // Rows that stood there when it was opened, and the number of the last of them; 0: none.
  size_t rows() const { return rows_; }
  size_t last_row() const { return last_row_; }

  void Append(const OrderedJson& row);
  void Sync() { records_.Sync(); }

 private:
  static const std::filesystem::path& Checked(const std::filesystem::path& path,
                                              ExistingFile existing, const JobSettings& settings);

  RecordFile records_;
  size_t rows_ = 0;
  size_t last_row_ = 0;
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_LABEL_FILE_H_
