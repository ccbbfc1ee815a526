#include "train/sft_dataset.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "generate/random.h"

namespace dear {
namespace {

size_t Below(size_t count, Random* random) {
  return std::min(static_cast<size_t>(random->NextDouble() * static_cast<double>(count)),
                  count - 1);
}

// `wanted` of `count` rows in a random order; where more are wanted than there are, all of them and
// then some a second time.
std::vector<size_t> DrawnRows(size_t count, size_t wanted, Random* random) {
  std::vector<size_t> rows(count);
  std::iota(rows.begin(), rows.end(), size_t{0});
  for (size_t i = 0; i < std::min(wanted, count); ++i) {
    std::swap(rows[i], rows[i + Below(count - i, random)]);
  }
  rows.resize(std::min(wanted, count));
  while (rows.size() < wanted) rows.push_back(Below(count, random));
  return rows;
}

std::vector<std::string> NamedColumns(const SftSource& source) {
  const SftColumns& columns = source.columns;
  std::vector<std::string> out;
  if (!columns.named) return out;
  const auto add = [&out](const std::optional<std::string>& column) {
    if (column) out.push_back(*column);
  };
  add(columns.system);
  if (source.layout == SftLayout::kSharegpt) {
    add(columns.messages);
    return out;
  }
  for (const auto* column :
       {&columns.prompt, &columns.query, &columns.response, &columns.history}) {
    add(*column);
  }
  return out;
}

}  // namespace

SftDataset::SftDataset(std::vector<SftSource> sources, const SftDatasetOptions& options)
    : sources_(std::move(sources)) {
  if (options.max_samples && *options.max_samples < 1) {
    throw Error(ErrorCode::kInvalidArgument, "max_samples",
                "expected at least 1, found " + std::to_string(*options.max_samples));
  }
  for (size_t source = 0; source < sources_.size(); ++source) AddSource(source, options);
  if (!examples_.empty()) return;
  std::string names;
  for (const SftSource& source : sources_) names += (names.empty() ? "" : ", ") + source.name;
  throw Error(ErrorCode::kInvalidFormat, "dataset " + names,
              "none of its " + std::to_string(report_.rows) + " rows holds a conversation" +
                  (report_.first_dropped.empty() ? "" : "; " + report_.first_dropped.front()));
}

void SftDataset::AddSource(size_t source_index, const SftDatasetOptions& options) {
  const SftSource& source = sources_[source_index];
  std::vector<RowOf> rows;
  for (const std::filesystem::path& path : source.files) {
    files_.push_back({source_index, SftJsonRows::Open(path)});
    const auto file = static_cast<uint32_t>(files_.size() - 1);
    for (size_t row = 0; row < files_.back().rows.size(); ++row) rows.push_back({file, row});
  }
  if (source.num_samples && !rows.empty()) {
    Random random(options.seed);
    std::vector<RowOf> drawn;
    for (const size_t row :
         DrawnRows(rows.size(), static_cast<size_t>(*source.num_samples), &random)) {
      drawn.push_back(rows[row]);
    }
    rows = std::move(drawn);
  }
  if (options.max_samples && static_cast<size_t>(*options.max_samples) < rows.size()) {
    rows.resize(static_cast<size_t>(*options.max_samples));
  }
  std::vector<std::string> unseen = NamedColumns(source);
  for (const RowOf& row : rows) AddRow(row, &unseen);
  if (!rows.empty() && !unseen.empty()) {
    throw Error(ErrorCode::kInvalidFormat, source.files.front().string(),
                "no row has the column '" + unseen.front() + "' that the entry of dataset '" +
                    source.name + "' names");
  }
}

void SftDataset::AddRow(const RowOf& at, std::vector<std::string>* unseen_columns) {
  const File& file = files_[at.file];
  const Json json = file.rows.Parse(at.row);
  if (json.is_object()) {
    std::erase_if(*unseen_columns, [&](const std::string& name) { return json.contains(name); });
  }
  ++report_.rows;
  SftRow row;
  try {
    row = ReadSftRow(json, sources_[file.source]);
  } catch (const Error& error) {
    throw error.Within(file.rows.Place(at.row));
  }
  if (row.example) {
    examples_.push_back(at);
    return;
  }
  ++report_.dropped;
  if (report_.first_dropped.size() < SftReport::kMaxNamed) {
    report_.first_dropped.push_back(file.rows.Place(at.row) + ": " + row.dropped);
  }
}

SftExample SftDataset::Example(size_t index) const {
  const RowOf& at = examples_[index];
  const File& file = files_[at.file];
  SftRow row = ReadSftRow(file.rows.Parse(at.row), sources_[file.source]);
  if (!row.example) {
    throw Error(ErrorCode::kIo, Place(index),
                "the file was changed while it is read: " + row.dropped);
  }
  return std::move(*row.example);
}

std::string SftDataset::Place(size_t index) const {
  const RowOf& at = examples_[index];
  return files_[at.file].rows.Place(at.row);
}

}  // namespace dear
