#ifndef DEAR_EVAL_QRELS_H_
#define DEAR_EVAL_QRELS_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "eval/columns.h"
#include "eval/text_source.h"

namespace dear::eval {

struct Judgement {
  std::string_view docid;
  int32_t relevance = 0;  // negative: in the pool, not judged
};

// The judgements of one query.
class Topic {
 public:
  Topic(std::string_view qid, std::vector<Judgement> judgements);

  std::string_view qid() const { return qid_; }
  size_t size() const { return judgements_.size(); }
  // nullptr where the document is not in the pool. `hash` is HashId(docid).
  const Judgement* Find(std::string_view docid, uint64_t hash) const;
  // Documents at each judged level: index 0 to the highest one, empty where none is judged.
  const std::vector<int64_t>& level_counts() const { return level_counts_; }
  // A document that is judged twice, if any.
  const std::optional<std::string_view>& duplicate() const { return duplicate_; }

 private:
  std::string_view qid_;
  std::vector<Judgement> judgements_;
  std::vector<uint32_t> slots_;  // open addressing: index + 1 into judgements_, 0 is free
  std::vector<int64_t> level_counts_;
  std::optional<std::string_view> duplicate_;
};

// Relevance judgements of a collection.
class Qrels {
 public:
  // Judgements beyond this are refused: measures keep one count a level.
  static constexpr int32_t kMaxRelevance = 65535;

  // Reads TREC qrels (`qid iter docid relevance`), or BEIR's TSV (header `query-id corpus-id
  // score`). Blank lines are skipped. Throws Error kInvalidFormat, with file and line, for a line
  // of another form, a relevance that is no integer, and a text without judgements; for the file
  // itself see TextSource.
  static Qrels Read(const std::filesystem::path& path);
  static Qrels Parse(std::shared_ptr<const TextSource> source);

  // Sorted by query id, byte by byte.
  const std::vector<Topic>& topics() const { return topics_; }
  const Topic* Find(std::string_view qid) const;
  const std::string& name() const { return source_->name(); }

 private:
  std::shared_ptr<const TextSource> source_;
  std::vector<Topic> topics_;
};

}  // namespace dear::eval

#endif  // DEAR_EVAL_QRELS_H_
