#ifndef DEAR_API_RANK_JOBS_H_
#define DEAR_API_RANK_JOBS_H_

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/job_source.h"
#include "api/line_reader.h"
#include "base/json.h"

namespace dear {

// Reads queries with their passages, in either of the forms that rerankers exchange:
//   RankLLM: {"query": {"text", "qid"}, "candidates": [{"docid", "score", "doc": {…}}]}, the text
//   of
//     a passage under text, segment, contents, content, body or passage, beside it "title";
//   RankGPT and DeAR: {"query": "…", "hits": [{"content", "qid", "docid", "rank", "score"}]}.
// A text is a JSON list of these, or one a line; an object may name an "adapter". A query without
// an id becomes "q1", "q2", … by its place, a passage "d0", "d1", …
// (with a mark behind it where another passage has that id).
// One a line is read as it is asked for, so that memory holds the ids of the queries and one of
// them; a list is held as a whole.
class RankJobReader {
 public:
  // A file, plain or gzipped. Throws what LineReader throws.
  explicit RankJobReader(const std::filesystem::path& path);
  // A text that is in memory; `name` stands for the file in errors.
  RankJobReader(std::string text, std::string name);

  // The next query; nothing behind the last. Throws kInvalidFormat that names the line (or the
  // place in the list) and the field, a query id that was there before, or a docid that the query
  // has twice.
  std::optional<RankJob> Next();
  // Queries given so far.
  size_t count() const { return count_; }

 private:
  std::optional<RankJob> Take(const Json& json, const std::string& where);
  void ReadList(std::string first_line);

  std::unique_ptr<LineReader> lines_;
  std::optional<Json> list_;
  std::set<std::string, std::less<>> seen_;
  size_t count_ = 0;
};

// A file of queries with their passages, or a text in memory, that is gone through twice.
class RankJobFile : public JobSource {
 public:
  explicit RankJobFile(const std::filesystem::path& path);
  RankJobFile(std::string text, std::string name);

  // Throws what RankJobReader throws.
  JobsOutline Check(const CancelFn& cancel) override;
  std::optional<RankJob> Next() override;
  const std::string& name() const override { return name_; }

 private:
  RankJobReader Open(bool last_time);

  std::optional<std::string> text_;
  std::string name_;
  std::optional<RankJobReader> reader_;
};

// All of a text that is in memory.
std::vector<RankJob> ParseRankJobs(std::string_view text, const std::string& context);
RankJob ParseRankJob(const Json& job, const std::string& context, size_t place);

}  // namespace dear

#endif  // DEAR_API_RANK_JOBS_H_
