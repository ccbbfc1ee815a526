#include "search/bm25_index.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "search/analyzer.h"
#include "search/length_byte.h"
#include "text/hash.h"

namespace dear {
namespace {

// Documents that one thread analyses at a time. Terms are numbered in the order of the blocks, so
// that this, and never the number of threads, decides them.
constexpr size_t kBlock = 1024;

// The score of a document without a term of the query.
constexpr double kNotFound = -1;

struct BetterHit {
  std::span<const uint32_t> tie_places;

  bool operator()(const Bm25Hit& a, const Bm25Hit& b) const {
    if (a.score != b.score) return a.score > b.score;
    return tie_places.empty() ? a.document < b.document
                              : tie_places[a.document] < tie_places[b.document];
  }
};

void CheckParameters(const Bm25Parameters& parameters) {
  if (!(parameters.k1 >= 0) || !std::isfinite(parameters.k1)) {
    throw Error(ErrorCode::kInvalidArgument, "k1",
                "expected a number from 0, found " + std::to_string(parameters.k1));
  }
  if (!(parameters.b >= 0 && parameters.b <= 1)) {
    throw Error(ErrorCode::kInvalidArgument, "b",
                "expected a number in 0..1, found " + std::to_string(parameters.b));
  }
}

}  // namespace

// What is found out of some documents without looking at the others.
struct Bm25Index::Block {
  struct Entry {
    uint32_t term = 0;  // in `terms`
    uint32_t document = 0;
    uint32_t count = 0;
  };
  std::vector<std::string> terms;
  std::vector<Entry> entries;  // document by document
  std::vector<uint32_t> lengths;
};

size_t Bm25Index::TermHash::operator()(std::string_view term) const {
  return HashBytes(term);
}

Bm25Index::Bm25Index(size_t num_documents, const TextFn& text, const Bm25Parameters& parameters,
                     ThreadPool& pool, const ProgressFn& progress, const CancelFn& cancel) {
  CheckParameters(parameters);
  if (num_documents > std::numeric_limits<uint32_t>::max()) {
    throw Error(ErrorCode::kUnsupported, "index", "more than four billion passages");
  }
  lengths_.reserve(num_documents);
  const auto at_once = static_cast<size_t>(pool.num_threads()) * 4;
  std::vector<Block> blocks;
  for (size_t begin = 0; begin < num_documents; begin += at_once * kBlock) {
    if (cancel && cancel()) throw Error(ErrorCode::kCancelled, "index", "stopped");
    if (progress) {
      progress("indexing", static_cast<int64_t>(begin), static_cast<int64_t>(num_documents));
    }
    const size_t end = std::min(num_documents, begin + at_once * kBlock);
    blocks.assign((end - begin + kBlock - 1) / kBlock, {});
    pool.Run(static_cast<int64_t>(blocks.size()), [&](int64_t task, int) {
      const size_t first = begin + static_cast<size_t>(task) * kBlock;
      blocks[static_cast<size_t>(task)] = Analyze(first, std::min(end, first + kBlock), text);
    });
    for (const Block& block : blocks) Add(block);
  }
  for (Postings& postings : postings_) postings.ShrinkToFit();
  WeighLengths(parameters);
}

Bm25Index::Block Bm25Index::Analyze(size_t begin, size_t end, const TextFn& text) {
  Block block;
  std::unordered_map<std::string, uint32_t, TermHash, std::equal_to<>> numbers;
  std::vector<uint32_t> found;
  for (size_t document = begin; document < end; ++document) {
    const std::string content = text(document);
    EnglishTerms stream(content);
    std::string_view term;
    found.clear();
    while (stream.Next(&term)) {
      auto known = numbers.find(term);
      if (known == numbers.end()) {
        known = numbers.emplace(term, static_cast<uint32_t>(block.terms.size())).first;
        block.terms.emplace_back(term);
      }
      found.push_back(known->second);
    }
    block.lengths.push_back(static_cast<uint32_t>(found.size()));
    std::ranges::sort(found);
    for (size_t i = 0; i < found.size();) {
      size_t behind = i + 1;
      while (behind < found.size() && found[behind] == found[i]) ++behind;
      block.entries.push_back({.term = found[i],
                               .document = static_cast<uint32_t>(document),
                               .count = static_cast<uint32_t>(behind - i)});
      i = behind;
    }
  }
  return block;
}

void Bm25Index::Add(const Block& block) {
  std::vector<uint32_t> numbers;
  numbers.reserve(block.terms.size());
  for (const std::string& term : block.terms) {
    const auto [known, is_new] = terms_.try_emplace(term, static_cast<uint32_t>(postings_.size()));
    if (is_new) postings_.emplace_back();
    numbers.push_back(known->second);
  }
  for (const Block::Entry& entry : block.entries)
    postings_[numbers[entry.term]].Add(entry.document, entry.count);
  num_postings_ += block.entries.size();
  for (const uint32_t length : block.lengths) {
    lengths_.push_back(LengthByte(length));
    num_tokens_ += length;
    num_with_terms_ += length > 0 ? 1 : 0;
  }
}

void Bm25Index::WeighLengths(const Bm25Parameters& parameters) {
  if (num_with_terms_ == 0) return;
  const auto average =
      static_cast<float>(static_cast<double>(num_tokens_) / static_cast<double>(num_with_terms_));
  for (size_t byte = 0; byte < inverse_norms_.size(); ++byte) {
    const auto length = static_cast<float>(LengthOfByte(static_cast<uint8_t>(byte)));
    const float share = (1.0F - parameters.b) + parameters.b * length / average;
    inverse_norms_[byte] = 1.0F / (parameters.k1 * share);
  }
}

float Bm25Index::Idf(const Postings& postings) const {
  const auto all = static_cast<double>(num_with_terms_);
  const auto having = static_cast<double>(postings.size());
  return static_cast<float>(std::log(1 + (all - having + 0.5) / (having + 0.5)));
}

std::vector<Bm25Hit> Bm25Index::Search(std::string_view query, const SearchOptions& options,
                                       Workspace* workspace) const {
  std::vector<std::pair<uint32_t, int>> wanted;  // term, count
  EnglishTerms stream(query);
  for (std::string_view term; stream.Next(&term);) {
    const auto known = terms_.find(term);
    if (known == terms_.end()) continue;
    const auto same = std::ranges::find(wanted, known->second, &std::pair<uint32_t, int>::first);
    if (same == wanted.end()) {
      wanted.emplace_back(known->second, 1);
    } else {
      ++same->second;
    }
  }

  std::vector<double>& scores = workspace->scores_;
  std::vector<uint32_t>& found = workspace->found_;
  scores.resize(lengths_.size(), kNotFound);
  found.clear();
  for (const auto& [term, count] : wanted) {
    const Postings& postings = postings_[term];
    const float weight = static_cast<float>(count) * Idf(postings);
    postings.ForEach([&](uint32_t document, uint32_t frequency) {
      const float inverse = inverse_norms_[lengths_[document]];
      if (scores[document] == kNotFound) {
        scores[document] = 0;
        found.push_back(document);
      }
      scores[document] += weight - weight / (1.0F + static_cast<float>(frequency) * inverse);
    });
  }

  // A heap of the best so far, the worst of them on top.
  const BetterHit better{options.tie_places};
  std::vector<Bm25Hit> hits;
  for (const uint32_t document : found) {
    const Bm25Hit hit{document, static_cast<float>(std::exchange(scores[document], kNotFound))};
    if (options.depth == 0 || (options.accept && !options.accept(document))) continue;
    if (hits.size() == options.depth) {
      if (!better(hit, hits.front())) continue;
      std::ranges::pop_heap(hits, better);
      hits.pop_back();
    }
    hits.push_back(hit);
    std::ranges::push_heap(hits, better);
  }
  std::ranges::sort_heap(hits, better);
  return hits;
}

uint64_t Bm25Index::bytes() const {
  uint64_t sum = lengths_.size();
  for (const Postings& postings : postings_) sum += postings.bytes();
  return sum;
}

}  // namespace dear
