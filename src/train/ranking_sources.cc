#include "train/ranking_sources.h"

#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "train/dataset_info.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

bool IsFile(const std::string& name) {
  const fs::path extension = fs::path(name).extension();
  return extension == ".json" || extension == ".jsonl";
}

// The entry of a dataset that has judgements, which those of other trainings have not.
std::optional<RankingSource> FindJudged(const std::string& name, const fs::path& folder,
                                        const Json& entries, const std::string& file) {
  if (!entries.is_object() || !entries.contains(name)) return std::nullopt;
  Json entry = entries.at(name);
  const std::string context = file + ": dataset '" + name + "'";
  const JsonFields fields(entry, context);
  const std::optional<std::string> qrels = fields.String("qrels");
  if (!qrels) return std::nullopt;
  entry.erase("qrels");
  ParseSftSource(entry, name, context);
  const std::string data = fields.RequireString("file_name");
  if (!IsFile(data)) {
    throw Error(ErrorCode::kUnsupported, context,
                "data file " + data + ": expected .json or .jsonl");
  }
  return RankingSource{.name = name, .files = {folder / data}, .qrels = folder / *qrels};
}

// What an entry can say about conversations alone.
void RefuseColumns(const Json& entries, const std::string& name, const std::string& file) {
  if (!entries.is_object() || !entries.contains(name)) return;
  for (const char* key : {"columns", "tags", "formatting", "num_samples"}) {
    if (!entries.at(name).contains(key)) continue;
    throw Error(ErrorCode::kUnsupported, file + ": dataset '" + name + "'",
                "field '" + std::string(key) + "' does not apply to rankings" +
                    (std::string_view(key) == "num_samples" ? "; use max_samples" : ""));
  }
}

}  // namespace

std::vector<RankingSource> FindRankingSources(const std::vector<std::string>& datasets,
                                              const std::filesystem::path& dataset_dir) {
  const std::string file = (dataset_dir / "dataset_info.json").string();
  Json entries;
  std::vector<RankingSource> sources;
  for (const std::string& name : datasets) {
    std::error_code error;
    if (!IsFile(name) && entries.is_null() && fs::exists(file, error)) entries = ReadJsonFile(file);
    if (!IsFile(name)) RefuseColumns(entries, name, file);
    if (auto judged = FindJudged(name, dataset_dir, entries, file)) {
      sources.push_back(std::move(*judged));
      continue;
    }
    for (SftSource& source : FindSftSources(name, dataset_dir))
      sources.push_back({.name = source.name, .files = std::move(source.files), .qrels = {}});
  }
  if (sources.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "dataset", "expected the name of at least one");
  }
  return sources;
}

}  // namespace dear
