#ifndef DEAR_SEARCH_BM25_INDEX_H_
#define DEAR_SEARCH_BM25_INDEX_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/progress.h"
#include "base/thread_pool.h"
#include "search/postings.h"

namespace dear {

struct Bm25Parameters {
  float k1 = 0.9F;
  float b = 0.4F;
};

struct Bm25Hit {
  uint32_t document = 0;
  float score = 0;
};

// Documents that are found by their English terms (EnglishTerms). Held are the terms, about two
// bytes for each document of each of them, and a byte a document. Const after construction, and
// searched by any number of threads.
//
// Scores are those of Lucene's BM25Similarity, down to its roundings. Of a term t in a document d:
//
//   idf = ln(1 + (N - n + 0.5) / (n + 0.5))        N documents with a term, n of them with t
//   score = w - w / (1 + f / (k1 * (1 - b + b * length / average)))        w = idf * count in query
//
// f is how often d has t, `length` the number of d's terms as a byte holds it (LengthByte). A
// document's score is the sum over the query's terms.
class Bm25Index {
 public:
  // Gives the text of a document; called from several threads at once.
  using TextFn = std::function<std::string(size_t document)>;

  // Throws what `text` throws; kInvalidArgument for k1 < 0 or b outside 0..1; kUnsupported for more
  // than four billion documents; kCancelled.
  Bm25Index(size_t num_documents, const TextFn& text, const Bm25Parameters& parameters,
            ThreadPool& pool, const ProgressFn& progress = {}, const CancelFn& cancel = {});

  // What a search needs to work on, once a thread: 8 bytes a document.
  class Workspace {
    friend class Bm25Index;
    std::vector<double> scores_;  // of each document; reset behind every search
    std::vector<uint32_t> found_;
  };

  struct SearchOptions {
    size_t depth = 100;
    // Where scores are equal, the document of the lower number comes first, or where this is not
    // empty, the one of the lower place in it.
    std::span<const uint32_t> tie_places;
    // Which documents may be found; empty: all.
    std::function<bool(uint32_t document)> accept;
  };
  // The best documents of those that have a term of the query, the best first.
  std::vector<Bm25Hit> Search(std::string_view query, const SearchOptions& options,
                              Workspace* workspace) const;

  size_t num_documents() const { return lengths_.size(); }
  size_t num_terms() const { return postings_.size(); }
  uint64_t num_postings() const { return num_postings_; }
  // Of the postings.
  uint64_t bytes() const;

 private:
  struct Block;
  struct TermHash {
    using is_transparent = void;
    size_t operator()(std::string_view term) const;
  };

  static Block Analyze(size_t begin, size_t end, const TextFn& text);
  void Add(const Block& block);
  void WeighLengths(const Bm25Parameters& parameters);
  float Idf(const Postings& postings) const;

  std::unordered_map<std::string, uint32_t, TermHash, std::equal_to<>> terms_;
  std::vector<Postings> postings_;  // by the term's number
  std::vector<uint8_t> lengths_;    // LengthByte of each document
  uint64_t num_with_terms_ = 0;     // documents
  uint64_t num_tokens_ = 0;
  uint64_t num_postings_ = 0;
  std::array<float, 256> inverse_norms_{};  // by LengthByte: 1 / (k1 * (1 - b + b * …))
};

}  // namespace dear

#endif  // DEAR_SEARCH_BM25_INDEX_H_
