#include "label_file.h"

#include <string>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "json_output.h"

namespace dear::app {
namespace fs = std::filesystem;

namespace {

// The number of the input's row that a labelled row is of.
size_t RowOf(std::string_view record, const std::string& where) {
  const Json json = ParseJson(record, where);
  const Json* teacher = json.is_object() ? JsonFields(json, where).Find("teacher") : nullptr;
  const int64_t row = teacher != nullptr && teacher->is_object()
                          ? JsonFields(*teacher, where + ": teacher").Int("row", 0)
                          : 0;
  if (row < 1) throw Error(ErrorCode::kInvalidFormat, where, "is no row that dear label wrote");
  return static_cast<size_t>(row);
}

}  // namespace

const fs::path& LabelFile::Checked(const fs::path& path, ExistingFile existing,
                                   const JobSettings& settings) {
  if (existing == ExistingFile::kResume) RequireSameJob(path, settings);
  return path;
}

LabelFile::LabelFile(const fs::path& path, ExistingFile existing, const JobSettings& settings)
    : records_(Checked(path, existing, settings), RecordLayout::kLines, existing) {
  if (existing == ExistingFile::kResume) {
    records_.ReadBack([this](std::string_view record, const std::string& where) {
      const size_t row = RowOf(record, where);
      if (row <= last_row_) {
        throw Error(ErrorCode::kInvalidFormat, where,
                    "is of row " + std::to_string(row) + " and stands behind that of row " +
                        std::to_string(last_row_));
      }
      last_row_ = row;
      ++rows_;
      return true;
    });
  }
  // An output is emptied before its settings are replaced, and has them before its first row:
  // wherever the program is killed, what stands there was made with what stands beside it.
  std::error_code error;
  if (rows_ == 0 && fs::is_regular_file(path, error))
    WriteJobRecord(path, {.settings = settings, .failed = {}});
}

void LabelFile::Append(const OrderedJson& row) {
  records_.Append(Dump(row) + "\n");
}

}  // namespace dear::app
