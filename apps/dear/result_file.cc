#include "result_file.h"

#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace dear::app {
namespace fs = std::filesystem;

ResultFile::ResultFile(const fs::path& path, RecordLayout layout, ExistingFile existing,
                       const JobSettings& settings, const std::set<ResultMaker>& makers)
    : path_(path), job_{.settings = settings, .failed = {}} {
  const bool carried_on = existing == ExistingFile::kResume && HoldsSomething(path);
  if (carried_on) {
    std::optional<JobRecord> made = ReadJobRecord(path);
    of_unknown_settings_ = !made;
    if (made) {
      RequireSameSettings(path, made->settings, settings);
      job_.failed = std::move(made->failed);
    }
  }
  // An output is emptied before its settings are replaced, and has them before its first result:
  // wherever the program is killed, what stands there was made with what stands beside it.
  records_.emplace(path, layout, existing);
  if (carried_on) {
    records_->ReadBack([&](std::string_view record, const std::string& where) {
      Take(record, where, makers);
      return true;
    });
  }
  std::error_code error;
  if ((!carried_on || of_unknown_settings_) && fs::is_regular_file(path, error))
    WriteJobRecord(path, job_);
}

void ResultFile::NoteFailure(const std::string& qid) {
  std::error_code error;
  if (job_.failed.insert(qid).second && fs::is_regular_file(path_, error))
    WriteJobRecord(path_, job_);
}

void ResultFile::Take(std::string_view record, const std::string& where,
                      const std::set<ResultMaker>& makers) {
  if (records_->layout() == RecordLayout::kTrecLines) {
    Finished(std::string(record.substr(0, record.find(' '))), false);
    return;
  }
  const Json json = ParseJson(record, where);
  if (!json.is_object())
    throw Error(ErrorCode::kInvalidFormat, where, "is no result of dear rerank");
  const JsonFields fields(json, where);
  const ResultMaker maker{fields.String("model", ""), fields.String("recipe", "")};
  if (of_unknown_settings_ && !maker.model.empty() && !makers.contains(maker)) {
    throw Error(ErrorCode::kInvalidArgument, where,
                "was made with model '" + maker.model + "' and recipe '" + maker.recipe +
                    "', not with this job's; give another file, or --overwrite");
  }
  const Json* query = fields.Find("query");  // RankLLM's holds the id
  Finished(query != nullptr && query->is_object()
               ? JsonFields(*query, where + ": query").RequireString("qid")
               : fields.RequireString("qid"),
           fields.Has("error"));
}

void ResultFile::Finished(const std::string& qid, bool holds_error) {
  finished_.insert(qid);
  if (holds_error || job_.failed.contains(qid)) ++failed_;
}

}  // namespace dear::app
