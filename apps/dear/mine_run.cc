#include "mine_run.h"

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "api/first_stage.h"
#include "base/error.h"
#include "base/json.h"
#include "interrupt.h"
#include "job_settings.h"
#include "own_files.h"
#include "standard_output.h"

namespace dear::app {
namespace {

// Rows between two looks at the clock and at what the user wants.
constexpr size_t kRowsAtOnce = 256;

// The settings, with what tells whether the passages are still the same.
JobSettings SettingsOf(const MineOptions& options, const Bm25Index& index) {
  JobSettings settings = options.given;
  settings.erase("json");
  settings["index"] = std::to_string(index.num_documents()) + " passages, " +
                      std::to_string(index.num_terms()) + " terms, " +
                      std::to_string(index.num_postings()) + " postings";
  return settings;
}

}  // namespace

MineRun::MineRun(const MineOptions& options, bool quiet)
    : options_(options), quiet_(quiet), pool_(options.threads), bar_(quiet) {}

double MineRun::Seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

MineReport MineRun::Run() {
  const std::string& out = options_.output();
  RequireOwnFiles(
      {{"the pairs", options_.pairs}, {"--topics", options_.topics}, {"--corpus", options_.corpus}},
      {{"the output", out}});
  // Before the passages are indexed, which may take long.
  RefuseExisting(out, options_.OnExisting());
  SayWhenInterrupted("nothing was written");
  options_.run.empty() ? MinePairs() : SearchTopics();
  file_->Sync();
  bar_.Clear();
  report_.seconds = Seconds();
  return report_;
}

void MineRun::OpenFile(RecordLayout layout, const Bm25Index& index, const KeepFn& keep) {
  report_.index_seconds = Seconds();
  report_.passages = index.num_documents();
  report_.terms = index.num_terms();
  report_.postings = index.num_postings();
  report_.index_bytes = index.bytes();
  const std::string& out = options_.output();
  const JobSettings settings = SettingsOf(options_, index);
  const bool resumes = options_.OnExisting() == ExistingFile::kResume;
  if (resumes) RequireSameJob(out, settings);
  file_.emplace(out, layout, options_.OnExisting());
  if (resumes) file_->ReadBack(keep);
  // An output has its settings before its first row.
  std::error_code error;
  if (report_.before == 0 && std::filesystem::is_regular_file(out, error))
    WriteJobRecord(out, {.settings = settings, .failed = {}});
}

void MineRun::SayDone(size_t done, size_t count, const char* what) const {
  SayWhenInterrupted(std::to_string(done) + " of " + std::to_string(count) + " " + what +
                     " are written to " + options_.output() + "; --resume goes on");
}

void MineRun::Write(size_t begin, size_t count, const char* what, const RecordsFn& records) {
  SayDone(begin, count, what);
  for (size_t at = begin; at < count; at += kRowsAtOnce) {
    if (Interrupted()) throw Error(ErrorCode::kCancelled, options_.output(), "stopped");
    bar_.Show("searching", static_cast<int64_t>(at), static_cast<int64_t>(count));
    const size_t end = std::min(count, at + kRowsAtOnce);
    std::string all;
    for (const std::string& record : records(at, end)) all += record;
    file_->Append(all);
    SayDone(end, count, what);
  }
}

void MineRun::MinePairs() {
  HardNegatives negatives(options_.pairs, options_.corpus, options_.mining, pool_, bar_.Function(),
                          InterruptFunction());
  bar_.Clear();
  const HardNegatives::Report& read = negatives.report();
  report_.dropped = read.dropped;
  if (read.dropped > 0) {
    Note(quiet_, "dear: " + std::to_string(read.dropped) +
                     " rows cannot be used and are left out, the first of them:");
    for (const std::string& row : read.first_dropped) Note(quiet_, "dear:   " + row);
  }
  const size_t asked = options_.mining.negatives;
  size_t& before = report_.before;
  OpenFile(RecordLayout::kLines, negatives.index(),
           [&](std::string_view record, const std::string& where) {
             const Json json = ParseJson(record, where);
             const JsonFields fields(json, where);
             const Json* scores = fields.Find(kMinedScores);
             if (scores == nullptr || !scores->is_array() || before == negatives.size() ||
                 !negatives.Matches(before, json)) {
               throw Error(ErrorCode::kInvalidFormat, where,
                           "is not what dear mine makes of these pairs; give another file, or "
                           "--overwrite");
             }
             if (scores->size() < asked) ++report_.fewer;
             ++before;
             return true;
           });
  report_.rows = negatives.size();
  Write(before, negatives.size(), "rows", [&](size_t begin, size_t end) {
    std::vector<std::string> lines;
    for (HardNegatives::MinedRow& row : negatives.Mine(begin, end)) {
      if (row.added < asked) ++report_.fewer;
      lines.push_back(std::move(row.line));
    }
    return lines;
  });
}

void MineRun::SearchTopics() {
  FirstStage search({.topics = options_.topics, .corpus = options_.corpus}, options_.mining.bm25,
                    options_.mining.depth, pool_, bar_.Function(), InterruptFunction());
  bar_.Clear();
  std::set<std::string> finished;
  OpenFile(RecordLayout::kTrecLines, search.index(), [&](std::string_view record, const auto&) {
    finished.emplace(record.substr(0, record.find(' ')));
    ++report_.before;
    return true;
  });
  report_.rows = search.size();
  Write(0, search.size(), "topics", [&](size_t begin, size_t end) {
    std::vector<std::string> lines = search.Find(begin, end);
    for (size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].empty()) ++report_.fewer;
      if (finished.contains(search.qid(begin + i))) lines[i].clear();
    }
    return lines;
  });
}

}  // namespace dear::app
