#include "result_file.h"

#include <system_error>

#include "base/error.h"
#include "base/json.h"

namespace dear::app {
namespace fs = std::filesystem;

ResultFile::ResultFile(const fs::path& path, RecordLayout layout, ExistingFile existing,
                       const JobSettings& settings) {
  const bool carried_on = existing == ExistingFile::kResume && HoldsSomething(path);
  if (carried_on) RequireSameSettings(path, settings);
  // An output is emptied before its settings are replaced, and has them before its first result:
  // wherever the program is killed, what stands there was made with what stands beside it.
  records_.emplace(path, layout, existing);
  if (carried_on) {
    records_->ReadBack([&](std::string_view record, const std::string& where) {
      Take(record, where);
      return true;
    });
  } else if (std::error_code error; fs::is_regular_file(path, error)) {
    WriteSettings(path, settings);
  }
}

void ResultFile::Take(std::string_view record, const std::string& where) {
  if (records_->layout() == RecordLayout::kTrecLines) {
    finished_.emplace(record.substr(0, record.find(' ')));
    return;
  }
  const Json json = ParseJson(record, where);
  if (!json.is_object())
    throw Error(ErrorCode::kInvalidFormat, where, "is no result of dear rerank");
  const JsonFields fields(json, where);
  if (fields.Has("error")) ++failed_;
  const Json* query = fields.Find("query");  // RankLLM's holds the id
  finished_.insert(query != nullptr && query->is_object()
                       ? JsonFields(*query, where + ": query").RequireString("qid")
                       : fields.RequireString("qid"));
}

}  // namespace dear::app
