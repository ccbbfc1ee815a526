#include "api/label_rows.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <system_error>
#include <utility>

#include "api/line_reader.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "base/sha256.h"
#include "generate/random.h"
#include "train/sft_json_rows.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

std::string HashOfFile(const fs::path& path) {
  return Sha256Hex(MappedFile::Open(path)->bytes());
}

void StopWhere(const CancelFn& cancel, const std::string& name) {
  if (cancel && cancel()) throw Error(ErrorCode::kCancelled, name, "stopped");
}

LabelRow ReadLabelRow(Json json, size_t number) {
  RankingRow read = ReadRankingRow(json, RankingNeeds{});
  return {.number = number,
          .json = std::move(json),
          .example = std::move(read.example),
          .dropped = std::move(read.dropped)};
}

// Training data of positives and negatives is read with the positives in front.
bool BeginsWithPositives(const RankingExample& example) {
  return example.passages.front().label > example.passages.back().label &&
         std::ranges::is_sorted(example.passages, std::ranges::greater{}, &RankingPassage::label);
}

void RequireSome(const LabelOutline& outline, const std::string& name) {
  if (outline.rows > outline.unusable) return;
  throw Error(ErrorCode::kInvalidFormat, name,
              outline.rows == 0
                  ? "holds no rows"
                  : "none of its " + std::to_string(outline.rows) +
                        " rows is a query with passages to rank; " + outline.first_unusable);
}

class FileRows final : public LabelRows {
 public:
  explicit FileRows(const fs::path& path) : path_(path), rows_(Open(path)) {}

  LabelOutline Check(size_t limit, const CancelFn& cancel) override {
    end_ = limit == 0 ? rows_.size() : std::min(limit, rows_.size());
    LabelOutline outline{.rows = end_, .first_unusable = {}, .notes = {}};
    for (size_t i = 0; i < end_; ++i) {
      StopWhere(cancel, path_.string());
      const LabelRow row = ReadLabelRow(rows_.Parse(i), i + 1);
      if (row.example) {
        outline.positives_first = outline.positives_first || BeginsWithPositives(*row.example);
        continue;
      }
      if (outline.unusable++ == 0) outline.first_unusable = rows_.Place(i) + ": " + row.dropped;
    }
    RequireSome(outline, path_.string());
    return outline;
  }

  std::optional<LabelRow> Next() override {
    if (at_ >= end_) return std::nullopt;
    const size_t row = at_++;
    return ReadLabelRow(rows_.Parse(row), row + 1);
  }

  void Skip(size_t count) override { at_ += std::min(count, end_ - at_); }
  std::string Place(const LabelRow& row) const override { return rows_.Place(row.number - 1); }
  std::string Fingerprint() const override { return HashOfFile(path_); }

 private:
  // Rows are read where they lie; out of gzip they have to be held.
  static SftJsonRows Open(const fs::path& path) {
    std::string line;
    LineReader reader(path);
    if (!reader.Next(&line) || !reader.is_packed()) return SftJsonRows::Open(path);
    std::string text = std::move(line) + "\n";
    while (reader.Next(&line)) text += line + "\n";
    return SftJsonRows::FromText(std::move(text), path.string());
  }

  fs::path path_;
  SftJsonRows rows_;
  size_t at_ = 0;
  size_t end_ = 0;
};

Json RankLlmRow(const RankRequest& request) {
  Json row = {{"query", {{"text", request.query}, {"qid", request.qid}}},
              {"candidates", Json::array()}};
  for (const Passage& passage : request.passages) {
    Json doc = {{"text", passage.text}};
    if (!passage.title.empty()) doc["title"] = passage.title;
    Json candidate = {{"docid", passage.docid}, {"doc", std::move(doc)}};
    if (passage.first_stage_score) candidate["score"] = *passage.first_stage_score;
    row["candidates"].push_back(std::move(candidate));
  }
  return row;
}

class RunRows final : public LabelRows {
 public:
  explicit RunRows(const RunFiles& files) : files_(files), jobs_(files) {}

  LabelOutline Check(size_t limit, const CancelFn& cancel) override {
    files_ = FindRunFiles(files_);
    JobsOutline jobs = jobs_.Check(cancel);
    end_ = limit == 0 ? jobs.queries : std::min(limit, jobs.queries);
    return {.rows = end_, .first_unusable = {}, .notes = std::move(jobs.notes)};
  }

  std::optional<LabelRow> Next() override {
    if (at_ >= end_) return std::nullopt;
    const std::optional<RankJob> job = jobs_.Next();
    if (!job) return std::nullopt;
    return ReadLabelRow(RankLlmRow(job->request), ++at_);
  }

  void Skip(size_t count) override {
    for (; count > 0 && at_ < end_; --count, ++at_) jobs_.Next();
  }

  std::string Place(const LabelRow& row) const override {
    return jobs_.name() + ": query " + row.json["query"]["qid"].get<std::string>();
  }

  std::string Fingerprint() const override {
    std::error_code error;
    return HashOfFile(files_.run) + " " + HashOfFile(files_.topics) + " " +
           std::to_string(fs::file_size(files_.corpus, error));
  }

 private:
  RunFiles files_;
  RunJobs jobs_;
  size_t at_ = 0;
  size_t end_ = 0;
};

}  // namespace

std::unique_ptr<LabelRows> OpenLabelRows(const fs::path& path) {
  return std::make_unique<FileRows>(path);
}

std::unique_ptr<LabelRows> OpenLabelRun(const RunFiles& files) {
  return std::make_unique<RunRows>(files);
}

std::vector<int64_t> ShownOrder(size_t num_passages, std::optional<uint64_t> seed, size_t row) {
  std::vector<int64_t> shown(num_passages);
  std::iota(shown.begin(), shown.end(), int64_t{0});
  if (!seed) return shown;
  // Rows draw from generators of their own, so that a job that is carried on draws the same.
  Random random(Random(*seed).Next() + row);
  for (size_t left = num_passages; left > 1; --left) {
    const auto drawn = static_cast<size_t>(random.NextDouble() * static_cast<double>(left));
    std::swap(shown[left - 1], shown[std::min(drawn, left - 1)]);
  }
  return shown;
}

RankRequest LabelRequest(const LabelRow& row, std::span<const int64_t> shown) {
  RankRequest request{
      .qid = "row " + std::to_string(row.number), .query = row.example->query, .passages = {}};
  for (const int64_t index : shown) {
    const RankingPassage& passage = row.example->passages[static_cast<size_t>(index)];
    request.passages.push_back({.docid = "d" + std::to_string(index),
                                .title = passage.title,
                                .text = passage.text,
                                .first_stage_score = passage.teacher_score});
  }
  return request;
}

}  // namespace dear
