#ifndef DEAR_TRAIN_RANKING_SOURCES_H_
#define DEAR_TRAIN_RANKING_SOURCES_H_

#include <filesystem>
#include <string>
#include <vector>

namespace dear {

// Where the training queries of a dataset stand.
struct RankingSource {
  std::string name;
  std::vector<std::filesystem::path> files;  // .json and .jsonl
  std::filesystem::path qrels;               // the labels; empty: they stand in the rows
};

// The datasets of these names, found as FindSftSources finds them: in DATASET_DIR/dataset_info.json
// by `file_name`, or a .json or .jsonl file. An entry may also name a file of relevance judgements
// in `qrels`, beside the data. The rows of rankings have names of their own (ReadRankingRow), so
// that an entry says nothing about columns.
// Throws as FindSftSources, and kUnsupported for an entry with `columns`, `tags`, a `formatting` or
// `num_samples`.
std::vector<RankingSource> FindRankingSources(const std::vector<std::string>& datasets,
                                              const std::filesystem::path& dataset_dir);

}  // namespace dear

#endif  // DEAR_TRAIN_RANKING_SOURCES_H_
