#include "api/run_jobs.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <numeric>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "api/topics.h"
#include "base/error.h"
#include "base/xxh64.h"
#include "eval/columns.h"
#include "text/unicode.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

constexpr size_t kShownMissing = 3;

// What stands behind the docid on a line of a run. The run's parser went over it before: the score
// is a number there, but only a float is kept of it, and nothing of the rank.
struct Candidate {
  std::string_view docid;
  double score = 0;
  int64_t rank = std::numeric_limits<int64_t>::max();  // where the column is no whole number
};

Candidate ReadCandidate(const eval::RunRow& row, std::string_view text) {
  Candidate candidate{.docid = row.docid(), .score = row.score};
  const char* cursor = row.docid_data + row.docid_size;
  const char* const end = eval::LineEnd(cursor, text.data() + text.size());
  const std::string_view rank = eval::NextColumn(&cursor, end);
  std::from_chars(rank.data(), rank.data() + rank.size(), candidate.rank);
  std::string_view score = eval::NextColumn(&cursor, end);
  if (score.starts_with('+')) score.remove_prefix(1);
  std::from_chars(score.data(), score.data() + score.size(), candidate.score);
  return candidate;
}

// Best first.
std::vector<Candidate> CandidatesOf(const eval::RunQuery& query, std::string_view text) {
  std::vector<Candidate> candidates;
  for (const auto piece : query.pieces) {
    for (const eval::RunRow& row : piece) candidates.push_back(ReadCandidate(row, text));
  }
  std::ranges::stable_sort(candidates, [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.rank < b.rank;
  });
  return candidates;
}

// Read and not mapped: a corpus is larger than what a job holds in memory.
uint64_t FingerprintOf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> part(size_t{1} << 20);
  std::string all;
  while (file) {
    file.read(part.data(), static_cast<std::streamsize>(part.size()));
    all += std::to_string(
        Xxh64(std::as_bytes(std::span(part).first(static_cast<size_t>(file.gcount())))));
    all = std::to_string(Xxh64(std::as_bytes(std::span(all))));
  }
  if (!file.eof()) throw Error(ErrorCode::kIo, path.string(), "cannot be read");
  return Xxh64(std::as_bytes(std::span(all)));
}

fs::path InFolder(const fs::path& path, const std::string& file) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return path;
  for (const char* ending : {"", ".gz"}) {
    fs::path found = path / (file + ending);
    if (fs::is_regular_file(found, error)) return found;
  }
  throw Error(ErrorCode::kNotFound, path.string(),
              "a folder as BEIR lays it out holds a " + file + ", which is not there");
}

}  // namespace

RunFiles FindRunFiles(RunFiles files) {
  std::error_code error;
  if (files.topics.empty()) {
    if (!fs::is_directory(files.corpus, error)) {
      throw Error(ErrorCode::kInvalidArgument, files.corpus.string(),
                  "is no folder that would hold the topics too; name them");
    }
    files.topics = files.corpus;
  }
  files.topics = InFolder(files.topics, "queries.jsonl");
  files.corpus = InFolder(files.corpus, "corpus.jsonl");
  return files;
}

RunJobs::RunJobs(const RunFiles& files) : files_(files), name_(files.run.string()) {}

JobsOutline RunJobs::Check(const CancelFn& cancel) {
  files_ = FindRunFiles(files_);
  ReadRun();
  NumberIds();
  JobsOutline outline{.queries = order_.size(), .adapters = {""}};
  topics_.emplace(ReadTopics(files_.topics, qids_, cancel));
  CheckTopics(&outline.notes);
  corpus_.emplace(files_.corpus, PassageNames(), docids_, cancel);
  CheckCorpus();
  outline.fingerprints = {Fingerprint()};
  return outline;
}

uint64_t RunJobs::Fingerprint() const {
  std::string all = std::to_string(Xxh64(std::as_bytes(std::span(text_->text()))));
  for (const fs::path& path : {files_.topics, files_.corpus})
    all += ' ' + std::to_string(FingerprintOf(path));
  return Xxh64(std::as_bytes(std::span(all)));
}

void RunJobs::ReadRun() {
  text_ = eval::TextSource::Open(files_.run);
  const size_t first = text_->text().find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos &&
      (text_->text()[first] == '{' || text_->text()[first] == '[')) {
    throw Error(ErrorCode::kInvalidFormat, name_,
                "is JSON; a run has lines of qid Q0 docid rank score tag (JSON that brings its "
                "passages is --jobs)");
  }
  run_ = eval::Run::Parse(text_);
  order_.resize(run_.queries().size());
  std::iota(order_.begin(), order_.end(), 0U);
  const auto first_line = [this](uint32_t query) {
    return run_.queries()[query].pieces.front().front().docid_data;
  };
  std::ranges::sort(order_, std::ranges::less{}, first_line);
}

void RunJobs::NumberIds() {
  std::vector<uint32_t> last_query;  // that named a document, counted from 1
  uint32_t current = 0;
  const auto add = [this](IdTable& table, std::string_view id) {
    const size_t before = table.size();
    const size_t number = table.Add(id);
    if (number == before && !IsValidUtf8(id)) {
      throw Error(ErrorCode::kInvalidFormat, eval::LineContext(name_, text_->text(), id.data()),
                  "the id '" + eval::Shown(id) + "' is not valid UTF-8");
    }
    return number;
  };
  for (const uint32_t query : order_) {
    ++current;
    const std::string_view qid = run_.queries()[query].qid;
    add(qids_, qid);
    for (const auto piece : run_.queries()[query].pieces) {
      for (const eval::RunRow& row : piece) {
        const size_t number = add(docids_, row.docid());
        if (number == last_query.size()) last_query.push_back(0);
        if (std::exchange(last_query[number], current) == current) {
          throw Error(ErrorCode::kInvalidFormat,
                      eval::LineContext(name_, text_->text(), row.docid_data),
                      "query '" + eval::Shown(qid) + "' has the document '" +
                          eval::Shown(row.docid()) + "' twice");
        }
      }
    }
  }
}

void RunJobs::CheckTopics(std::vector<std::string>* notes) const {
  size_t missing = 0;
  std::string first;
  for (size_t i = 0; i < qids_.size(); ++i) {
    if (topics_->Has(i)) continue;
    if (++missing <= kShownMissing)
      first += (missing > 1 ? ", '" : "'") + eval::Shown(qids_[i]) + "'";
  }
  if (missing > 0) {
    throw Error(ErrorCode::kNotFound, topics_->name(),
                "has no topic for " + std::to_string(missing) + " of the " +
                    std::to_string(qids_.size()) + " queries of " + name_ + ": " + first +
                    (missing > kShownMissing ? ", …" : ""));
  }
  if (topics_->num_others() > 0) {
    notes->push_back(topics_->name() + ": " + std::to_string(topics_->num_others()) +
                     " topics have no candidates in " + name_ +
                     " and are not ranked (the first: '" + eval::Shown(topics_->first_other()) +
                     "')");
  }
}

void RunJobs::CheckCorpus() const {
  size_t missing = 0;
  for (size_t i = 0; i < docids_.size(); ++i) missing += corpus_->Has(i) ? 0 : 1;
  if (missing == 0) return;
  throw Error(ErrorCode::kNotFound, corpus_->name(),
              "lacks " + std::to_string(missing) + " of the " + std::to_string(docids_.size()) +
                  " documents of " + name_ + ": " + FirstMissing());
}

std::string RunJobs::FirstMissing() const {
  std::string first;
  size_t shown = 0;
  for (const uint32_t query : order_) {
    for (const Candidate& candidate : CandidatesOf(run_.queries()[query], text_->text())) {
      if (corpus_->Has(*docids_.Find(candidate.docid))) continue;
      if (shown == kShownMissing) return first + ", …";
      first += (shown++ > 0 ? ", '" : "'") + eval::Shown(candidate.docid) + "' (query '" +
               eval::Shown(run_.queries()[query].qid) + "')";
    }
  }
  return first;
}

std::optional<RankJob> RunJobs::Next() {
  if (next_ == order_.size()) return std::nullopt;
  const eval::RunQuery& query = run_.queries()[order_[next_++]];
  RankJob job;
  job.request.qid = query.qid;
  job.request.query = topics_->Read(*qids_.Find(query.qid)).text;
  for (const Candidate& candidate : CandidatesOf(query, text_->text())) {
    TextRecord record = corpus_->Read(*docids_.Find(candidate.docid));
    job.request.passages.push_back({.docid = std::move(record.id),
                                    .title = std::move(record.title),
                                    .text = std::move(record.text),
                                    .first_stage_score = candidate.score});
  }
  return job;
}

}  // namespace dear
