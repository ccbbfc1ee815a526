#include "train/ranking_dataset.h"

#include <limits>
#include <utility>

#include "base/error.h"

namespace dear {
namespace {

void CheckAtLeast(int64_t value, int64_t least, const char* name) {
  if (value >= least) return;
  throw Error(ErrorCode::kInvalidArgument, name,
              "expected at least " + std::to_string(least) + ", found " + std::to_string(value));
}

}  // namespace

RankingDataset::RankingDataset(std::vector<RankingSource> sources,
                               const RankingDatasetOptions& options)
    : options_(options), sources_(std::move(sources)) {
  if (options_.max_samples) CheckAtLeast(*options_.max_samples, 1, "max_samples");
  CheckAtLeast(options_.choice.passages_per_query, 2, "passages_per_query");
  for (size_t source = 0; source < sources_.size(); ++source) AddSource(source);
  if (!examples_.empty()) return;
  std::string names;
  for (const RankingSource& source : sources_) names += (names.empty() ? "" : ", ") + source.name;
  throw Error(ErrorCode::kInvalidFormat, "dataset " + names,
              "none of its " + std::to_string(report_.rows) + " rows is a ranking to learn from" +
                  (report_.first_dropped.empty() ? "" : "; " + report_.first_dropped.front()));
}

void RankingDataset::AddSource(size_t source_index) {
  const RankingSource& source = sources_[source_index];
  qrels_.emplace_back();
  if (!source.qrels.empty()) qrels_.back() = eval::Qrels::Read(source.qrels);
  int64_t left = options_.max_samples.value_or(std::numeric_limits<int64_t>::max());
  for (const std::filesystem::path& path : source.files) {
    files_.push_back({source_index, SftJsonRows::Open(path)});
    const auto file = static_cast<uint32_t>(files_.size() - 1);
    const size_t rows = files_.back().rows.size();
    for (size_t row = 0; row < rows && left > 0; ++row, --left) AddRow({file, row});
  }
}

RankingRow RankingDataset::Read(const RowOf& at) const {
  const File& file = files_[at.file];
  const std::optional<eval::Qrels>& qrels = qrels_[file.source];
  return ReadRankingRow(file.rows.Parse(at.row), options_.needs, qrels ? &*qrels : nullptr);
}

void RankingDataset::AddRow(const RowOf& at) {
  RankingRow row = Read(at);
  ++report_.rows;
  if (row.example) {
    const size_t index = examples_.size();
    examples_.push_back(at);
    const auto asked = static_cast<size_t>(options_.choice.passages_per_query);
    const RankingExample chosen = ChooseRanking(std::move(*row.example), options_.choice, index, 0);
    report_.small_groups += chosen.passages.size() < asked ? 1 : 0;
    return;
  }
  ++report_.dropped;
  if (report_.first_dropped.size() < RankingReport::kMaxNamed) {
    report_.first_dropped.push_back(files_[at.file].rows.Place(at.row) + ": " + row.dropped);
  }
}

RankingExample RankingDataset::Example(size_t index) const {
  RankingRow row = Read(examples_[index]);
  if (!row.example) {
    throw Error(ErrorCode::kIo, Place(index),
                "the file was changed while it is read: " + row.dropped);
  }
  return std::move(*row.example);
}

RankingExample RankingDataset::Chosen(size_t index, int64_t epoch) const {
  return ChooseRanking(Example(index), options_.choice, index, epoch);
}

std::string RankingDataset::Place(size_t index) const {
  const RowOf& at = examples_[index];
  return files_[at.file].rows.Place(at.row);
}

}  // namespace dear
