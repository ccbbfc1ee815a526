#ifndef DEAR_TRAIN_DATASET_INFO_H_
#define DEAR_TRAIN_DATASET_INFO_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace dear {

// How a row of training data is laid out.
enum class SftLayout {
  kAlpaca,   // instruction, input, output, and perhaps system and history
  kSharegpt  // a list of messages, each with its role
};

// Which columns hold what; absent: no column does.
struct SftColumns {
  std::optional<std::string> prompt = "instruction";
  std::optional<std::string> query = "input";
  std::optional<std::string> response = "output";
  std::optional<std::string> system;
  std::optional<std::string> history;
  std::optional<std::string> messages = "conversations";
  bool named = false;  // by the dataset's entry, so that a file without them is a mistake
};

// The keys of a message and the names of the roles.
struct SftTags {
  std::string role = "from";
  std::string content = "value";
  std::string user = "human";
  std::string assistant = "gpt";
  std::optional<std::string> observation = "observation";
  std::optional<std::string> function = "function_call";
  std::optional<std::string> system = "system";  // absent: no message is a system message
};

struct SftSource {
  std::string name;
  std::vector<std::filesystem::path> files;  // .json and .jsonl
  SftLayout layout = SftLayout::kAlpaca;
  SftColumns columns;
  SftTags tags;
  std::optional<int64_t> num_samples;  // so many rows, drawn by chance
};

// The datasets of LLaMA-Factory's `dataset:` field, names with commas between them, as
// DATASET_DIR/dataset_info.json describes each (llamafactory 0.9.5, data/parser.py). A name that
// ends in .json or .jsonl is a file itself, beside the program or in `dataset_dir`, with alpaca's
// columns and `system` and `history`.
// Throws kNotFound for a name or file that is not there, kInvalidFormat for a broken entry,
// kUnsupported for one that asks for what is not done here (a download, tools, images, rankings).
std::vector<SftSource> FindSftSources(std::string_view datasets,
                                      const std::filesystem::path& dataset_dir);

// One entry of a dataset_info.json; `files` stays empty. `context` names file and dataset.
SftSource ParseSftSource(const Json& entry, const std::string& name, const std::string& context);

}  // namespace dear

#endif  // DEAR_TRAIN_DATASET_INFO_H_
