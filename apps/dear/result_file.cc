#include "result_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace dear::app {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void FailIo(const fs::path& path) {
  throw Error(ErrorCode::kIo, path.string(), std::generic_category().message(errno));
}

std::string Named(const ResultMaker& maker) {
  return "model '" + maker.model + "' and recipe '" + maker.recipe + "'";
}

// The query id at the front of a TREC line.
std::string TrecQid(std::string_view line) {
  return std::string(line.substr(0, line.find(' ')));
}

}  // namespace

ResultFile::ResultFile(fs::path path, ExistingFile existing, ResultFormat format,
                       const std::set<ResultMaker>& makers)
    : path_(std::move(path)) {
  if (fs::exists(path_) && fs::is_regular_file(path_) && fs::file_size(path_) > 0) {
    if (existing == ExistingFile::kRefuse) {
      throw Error(ErrorCode::kInvalidArgument, path_.string(),
                  "is already there; carry it on with --resume or replace it with --overwrite");
    }
    if (existing == ExistingFile::kResume) ReadFinished(format, makers);
  }
  const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
                    (existing == ExistingFile::kOverwrite ? O_TRUNC : 0);
  descriptor_ = open(path_.c_str(), flags, 0666);
  if (descriptor_ < 0) FailIo(path_);
}

ResultFile::~ResultFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

void ResultFile::ReadFinished(ResultFormat format, const std::set<ResultMaker>& makers) {
  std::ifstream stream(path_, std::ios::binary);
  if (!stream) FailIo(path_);
  std::string line;
  uintmax_t query_begin = 0;  // where the lines of the last query begin
  uintmax_t end = 0;
  std::string last;  // TREC: the query of the last line
  for (size_t number = 1; std::getline(stream, line) && !stream.eof(); ++number) {
    const uintmax_t begin = std::exchange(end, end + line.size() + 1);
    if (line.empty()) continue;
    if (format == ResultFormat::kTrec) {
      std::string qid = TrecQid(line);
      if (qid != last) {
        if (!last.empty()) finished_.insert(std::move(last));
        last = std::move(qid);
        query_begin = begin;
      }
    } else {
      TakeResult(line, format, path_.string() + ": line " + std::to_string(number), makers);
    }
  }
  if (stream.bad()) FailIo(path_);
  const uintmax_t whole = format == ResultFormat::kTrec && !last.empty() ? query_begin : end;
  if (whole < fs::file_size(path_)) fs::resize_file(path_, whole);
}

void ResultFile::TakeResult(std::string_view line, ResultFormat format, const std::string& where,
                            const std::set<ResultMaker>& makers) {
  const Json json = ParseJson(line, where);
  if (!json.is_object())
    throw Error(ErrorCode::kInvalidFormat, where, "is no result of dear rerank");
  const JsonFields fields(json, where);
  if (fields.Has("error")) ++failed_;
  if (format == ResultFormat::kExchange) {
    const Json* query = fields.Find("query");
    finished_.insert(query != nullptr && query->is_object()
                         ? JsonFields(*query, where + ": query").RequireString("qid")
                         : fields.RequireString("qid"));
    return;
  }
  const ResultMaker maker{fields.String("model", ""), fields.String("recipe", "")};
  if (!makers.contains(maker)) {
    throw Error(ErrorCode::kInvalidArgument, where,
                "was made with " + Named(maker) + ", not with " + Named(*makers.begin()) +
                    (makers.size() > 1 ? " or another of this job" : "") +
                    "; give another file, or --overwrite");
  }
  finished_.insert(fields.RequireString("qid"));
}

void ResultFile::Append(std::string_view lines) {
  while (!lines.empty()) {
    const ssize_t count = write(descriptor_, lines.data(), lines.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) FailIo(path_);
    lines.remove_prefix(static_cast<size_t>(count));
  }
  if (std::chrono::steady_clock::now() - synced_ >= std::chrono::seconds(1)) Sync();
}

void ResultFile::Sync() {
  // A pipe or a terminal has nothing to bring to a disk.
  if (fdatasync(descriptor_) != 0 && errno != EINVAL && errno != EROFS && errno != ENOTSUP)
    FailIo(path_);
  synced_ = std::chrono::steady_clock::now();
}

}  // namespace dear::app
