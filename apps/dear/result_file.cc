#include "result_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"

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
  const std::string text = ReadFile(path_, size_t{1} << 40);
  size_t whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
  if (format == ResultFormat::kTrec && whole < text.size()) {
    // The lines of the query that was cut off go with its broken last one.
    const std::string cut_off = TrecQid(std::string_view(text).substr(whole));
    while (whole > 0) {
      const size_t previous = whole >= 2 ? text.rfind('\n', whole - 2) : std::string::npos;
      const size_t begin = previous == std::string::npos ? 0 : previous + 1;
      if (!TrecQid(std::string_view(text).substr(begin, whole - begin)).starts_with(cut_off)) break;
      whole = begin;
    }
  }
  std::string_view rest = std::string_view(text).substr(0, whole);
  for (size_t number = 1; !rest.empty(); ++number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() + 1);
    if (line.empty()) continue;
    if (format == ResultFormat::kTrec) {
      finished_.insert(TrecQid(line));
      continue;
    }
    const std::string where = path_.string() + ": line " + std::to_string(number);
    const Json json = ParseJson(line, where);
    if (!json.is_object())
      throw Error(ErrorCode::kInvalidFormat, where, "is no result of dear rerank");
    const JsonFields fields(json, where);
    const ResultMaker maker{fields.String("model", ""), fields.String("recipe", "")};
    if (!makers.contains(maker)) {
      throw Error(ErrorCode::kInvalidArgument, where,
                  "was made with " + Named(maker) + ", not with " + Named(*makers.begin()) +
                      (makers.size() > 1 ? " or another of this job" : "") +
                      "; give another file, or --overwrite");
    }
    finished_.insert(fields.RequireString("qid"));
  }
  if (whole < text.size()) fs::resize_file(path_, whole);
}

void ResultFile::Append(std::string_view lines) {
  while (!lines.empty()) {
    const ssize_t count = write(descriptor_, lines.data(), lines.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) FailIo(path_);
    lines.remove_prefix(static_cast<size_t>(count));
  }
}

}  // namespace dear::app
