#include "eval/run.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "eval/columns.h"
#include "eval/run_parsers.h"

namespace dear::eval {

Run Run::Read(const std::filesystem::path& path, ThreadPool* pool) {
  return Parse(TextSource::Open(path), pool);
}

Run Run::Parse(std::shared_ptr<const TextSource> source, ThreadPool* pool) {
  Run run;
  run.source_ = std::move(source);
  const std::string_view text = run.source_->text();
  const auto first = std::ranges::find_if_not(text, IsBlank);
  if (first == text.end()) {
    throw Error(ErrorCode::kInvalidFormat, run.name(), "is empty: a run without documents");
  }
  // No query id of a TREC run begins with a brace that opens a JSON text.
  const bool json = *first == '{' || *first == '[';
  run.parts_ = json ? ParseJsonRun(*run.source_) : ParseTrecRun(*run.source_, pool);
  return run;
}

}  // namespace dear::eval
