#ifndef DEAR_API_RANK_JOBS_H_
#define DEAR_API_RANK_JOBS_H_

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "rank/reranker.h"

namespace dear {

// One query of a file of many.
struct RankJob {
  RankRequest request;
  std::string adapter;  // by name; empty: the one that the whole run uses
};

// Reads queries with their passages, in either of the forms that rerankers exchange:
//   RankLLM: {"query": {"text", "qid"}, "candidates": [{"docid", "score", "doc": {…}}]}, the text
//   of
//     a passage under text, segment, contents, content, body or passage, beside it "title";
//   RankGPT and DeAR: {"query": "…", "hits": [{"content", "qid", "docid", "rank", "score"}]}.
// A file is a JSON list of these, or one a line; an object may name an "adapter". A query without
// an id becomes "q1", "q2", … by its place, a passage "d0", "d1", ….
// Throws kInvalidFormat that names the line (or the place in the list) and the field.
std::vector<RankJob> ReadRankJobs(const std::filesystem::path& path);
std::vector<RankJob> ParseRankJobs(std::string_view text, const std::string& context);
RankJob ParseRankJob(const Json& job, const std::string& context, size_t place);

}  // namespace dear

#endif  // DEAR_API_RANK_JOBS_H_
