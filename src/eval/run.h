#ifndef DEAR_EVAL_RUN_H_
#define DEAR_EVAL_RUN_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "eval/text_source.h"

namespace dear::eval {

// One retrieved document. A float is what trec_eval keeps of a score: two scores that are the same
// float are a tie.
struct RunRow {
  const char* docid_data = nullptr;
  uint32_t docid_size = 0;
  float score = 0;

  std::string_view docid() const { return {docid_data, docid_size}; }
};

// What a reranker of ours says of a query beside its ranking; for reports.
struct QueryFacts {
  std::string repair;  // "ok", "wrong_format", "missing", "repetition", or empty
  std::optional<double> seconds;
};

// What a run retrieved for one query. The order of the rows has no meaning, the scores have.
struct RunQuery {
  std::string_view qid;
  std::vector<std::span<const RunRow>> pieces;
  const QueryFacts* facts = nullptr;
};

// What a parser fills.
struct RunParts {
  std::vector<std::vector<RunRow>> rows;            // what the queries' pieces point into
  std::vector<std::unique_ptr<std::string>> names;  // ids that do not stand in the text as such
  std::vector<std::unique_ptr<QueryFacts>> facts;
  std::vector<RunQuery> queries;  // sorted by query id, byte by byte
  std::string tag;
};

// A ranking of documents for each query, from a file.
class Run {
 public:
  // Reads a run in one of these forms, any of them gzipped:
  //   TREC text    `qid Q0 docid rank score tag`; the rank column is not read
  //   JSON lines   of `dear rerank --format jsonl`, or one RankLLM object a line
  //   JSON list    of RankLLM ({"query", "candidates"}) or RankGPT ({"query", "hits"}) objects
  // In the JSON forms the order in which documents are listed is the ranking.
  // Throws Error kInvalidFormat with file and line (or field) for a line of another form, a score
  // that is no finite number, and a text without documents; for the file itself see TextSource.
  static Run Read(const std::filesystem::path& path, ThreadPool* pool = nullptr);
  static Run Parse(std::shared_ptr<const TextSource> source, ThreadPool* pool = nullptr);

  // Sorted by query id, byte by byte.
  const std::vector<RunQuery>& queries() const { return parts_.queries; }
  // The tag of the last line (TREC), or the model (JSON).
  const std::string& tag() const { return parts_.tag; }
  // The file's name.
  const std::string& name() const { return source_->name(); }
  bool has_facts() const { return !parts_.facts.empty(); }

 private:
  std::shared_ptr<const TextSource> source_;
  RunParts parts_;
};

}  // namespace dear::eval

#endif  // DEAR_EVAL_RUN_H_
