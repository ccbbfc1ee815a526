#ifndef DEAR_EVAL_JUDGED_RANKING_H_
#define DEAR_EVAL_JUDGED_RANKING_H_

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "eval/qrels.h"
#include "eval/run.h"

namespace dear::eval {

// What a retrieved document may be beside a judged level of 0 and more.
inline constexpr int32_t kNotInPool = -1;     // the qrels do not name it
inline constexpr int32_t kPoolUnjudged = -2;  // named with a negative relevance

// Which documents count, by trec_eval's options.
struct JudgingOptions {
  int64_t relevance_level = 1;  // -l: the lowest relevance that counts as relevant
  bool judged_only = false;     // -J: documents without a judgement are taken out
  int64_t max_documents = std::numeric_limits<int64_t>::max();  // -M: only the first of a ranking
};

// A ranking seen through the judgements: what every measure is made of.
struct JudgedRanking {
  std::vector<int32_t> relevances;  // by rank: a level, kNotInPool or kPoolUnjudged
  int64_t num_relevant_retrieved = 0;
  int64_t num_not_in_pool = 0;    // counted unless judged_only
  int64_t num_pool_unjudged = 0;  // counted unless judged_only
  int64_t num_in_pool = 0;        // named by the qrels, whatever judged_only says
  int64_t num_relevant = 0;       // judged so, retrieved or not
  const std::vector<int64_t>* level_counts = nullptr;  // Topic::level_counts()

  int64_t num_retrieved() const { return static_cast<int64_t>(relevances.size()); }
};

// Ranks one query after another; keeps its memory from one to the next.
class Judge {
 public:
  explicit Judge(const JudgingOptions& options) : options_(options) {}

  // Orders the documents by score, falling, and by docid, falling byte by byte, where scores are
  // equal (trec_eval's rule), and looks each up. The result is valid until the next call. Throws
  // Error kInvalidFormat for a document that the query retrieved twice among the ranks that count,
  // or that was judged twice; `run` and `qrels` name the files in it.
  const JudgedRanking& Rank(const RunQuery& query, const Topic& topic, const std::string& run,
                            const std::string& qrels);

 private:
  void RefuseDuplicates(const RunQuery& query, const std::string& run);

  JudgingOptions options_;
  JudgedRanking ranking_;
  std::vector<const RunRow*> order_;
  std::vector<uint64_t> hashes_;
  std::vector<uint32_t> slots_;
};

}  // namespace dear::eval

#endif  // DEAR_EVAL_JUDGED_RANKING_H_
