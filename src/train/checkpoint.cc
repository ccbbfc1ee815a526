#include "train/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "formats/read_numbers.h"
#include "formats/safetensors.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "checkpoint-";
constexpr const char* kUnfinished = ".unfinished";
constexpr const char* kStateFile = "training_state.json";
constexpr const char* kOptimizerFile = "optimizer.safetensors";
constexpr int kFormat = 1;

// The step in a checkpoint's name.
std::optional<int64_t> StepOf(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const char* begin = name.data() + std::char_traits<char>::length(kPrefix);
  const char* end = name.data() + name.size();
  int64_t step = 0;
  const auto [stop, error] = std::from_chars(begin, end, step);
  if (error != std::errc() || stop != end) return std::nullopt;
  return step;
}

void Remove(const fs::path& folder) {
  std::error_code failed;
  fs::remove_all(folder, failed);
  if (failed) throw Error(ErrorCode::kIo, folder.string(), failed.message());
}

void SaveOptimizer(const fs::path& path, AdamW& optimizer) {
  std::vector<AdamW::Moments> moments = optimizer.moments();
  std::vector<TensorSpec> specs;
  for (const AdamW::Moments& tensor : moments) {
    const auto size = static_cast<int64_t>(tensor.first.size());
    specs.push_back({.name = tensor.name + ".exp_avg", .dtype = DType::kF32, .shape = {size}});
    specs.push_back({.name = tensor.name + ".exp_avg_sq", .dtype = DType::kF32, .shape = {size}});
  }
  const auto write = [&](size_t index, const WriteBytesFn& out) {
    const AdamW::Moments& tensor = moments[index / 2];
    out(std::as_bytes(index % 2 == 0 ? tensor.first : tensor.second));
  };
  WriteSafetensors(path, specs, write, {});
}

void SaveState(const fs::path& path, const TrainingState& state) {
  OrderedJson json;
  json["format"] = kFormat;
  json["step"] = state.step;
  json["loss_sum"] = state.loss_sum;
  json["loss_steps"] = state.loss_steps;
  json["tokens"] = state.tokens;
  json["samples"] = state.samples;
  json["seconds"] = state.seconds;
  json["total_loss"] = state.total_loss;
  json["evaluation_due"] = state.evaluation_due;
  if (state.best.value) {
    json["best"] = {
        {"value", *state.best.value}, {"step", state.best.step}, {"since", state.best.since}};
  }
  json["identity"] = OrderedJson::object();
  for (const auto& [name, value] : state.identity) json["identity"][name] = value;
  AtomicFile file(path);
  file.Write(json.dump(2) + "\n");
  file.Commit();
}

TrainingState ReadState(const fs::path& path) {
  const Json json = ReadJsonFile(path);
  try {
    if (json.at("format").get<int>() != kFormat) {
      throw Error(ErrorCode::kUnsupported, path.string(),
                  "is of format " + json.at("format").dump() + ", not " + std::to_string(kFormat));
    }
    TrainingState state{.step = json.at("step"),
                        .loss_sum = json.at("loss_sum"),
                        .loss_steps = json.at("loss_steps"),
                        .tokens = json.at("tokens"),
                        .samples = json.at("samples"),
                        .seconds = json.at("seconds"),
                        .total_loss = json.at("total_loss"),
                        .evaluation_due = json.value("evaluation_due", false),
                        .identity = {}};
    if (const auto best = json.find("best"); best != json.end()) {
      state.best = {.value = best->at("value").get<double>(),
                    .step = best->at("step"),
                    .since = best->at("since")};
    }
    for (const auto& [name, value] : json.at("identity").items()) {
      state.identity.emplace_back(name, value.get<std::string>());
    }
    return state;
  } catch (const Json::exception& error) {
    throw Error(ErrorCode::kInvalidFormat, path.string(), error.what());
  }
}

void RequireSame(const fs::path& path, const TrainingState& state,
                 const std::vector<std::pair<std::string, std::string>>& identity) {
  for (const auto& [name, value] : identity) {
    const auto found =
        std::ranges::find(state.identity, name, [](const auto& e) { return e.first; });
    const std::string was = found == state.identity.end() ? "absent" : found->second;
    if (was == value) continue;
    throw Error(ErrorCode::kInvalidArgument, path.string(),
                "was written with " + name + " " + was + ", now it is " + value +
                    ": the run cannot go on from there");
  }
}

}  // namespace

fs::path SaveCheckpoint(const fs::path& output, const CheckpointParts& parts,
                        const TrainingState& state, bool with_optimizer) {
  fs::path folder = output / (kPrefix + std::to_string(state.step));
  const fs::path unfinished = folder.string() + kUnfinished;
  Remove(unfinished);
  parts.adapter.Save(unfinished);
  if (with_optimizer) {
    SaveOptimizer(unfinished / kOptimizerFile, parts.optimizer);
    if (parts.average != nullptr) parts.average->Save(unfinished);
    SaveState(unfinished / kStateFile, state);
  }
  Remove(folder);
  std::error_code failed;
  fs::rename(unfinished, folder, failed);
  if (failed) throw Error(ErrorCode::kIo, folder.string(), failed.message());
  return folder;
}

std::vector<fs::path> FindCheckpoints(const fs::path& output) {
  std::vector<std::pair<int64_t, fs::path>> found;
  std::error_code missing;
  for (const fs::directory_entry& entry : fs::directory_iterator(output, missing)) {
    const auto step = StepOf(entry.path());
    if (step && entry.is_directory()) found.emplace_back(*step, entry.path());
  }
  std::ranges::sort(found);
  std::vector<fs::path> folders;
  folders.reserve(found.size());
  for (auto& [step, folder] : found) folders.push_back(std::move(folder));
  return folders;
}

void KeepCheckpoints(const fs::path& output, std::optional<int64_t> limit) {
  std::error_code missing;
  std::vector<fs::path> cut_off;
  for (const fs::directory_entry& entry : fs::directory_iterator(output, missing)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kPrefix) && name.ends_with(kUnfinished)) cut_off.push_back(entry.path());
  }
  for (const fs::path& folder : cut_off) Remove(folder);
  if (!limit) return;
  std::vector<fs::path> folders = FindCheckpoints(output);
  const auto left = static_cast<size_t>(std::max<int64_t>(1, *limit));
  for (size_t i = 0; i + left < folders.size(); ++i) Remove(folders[i]);
}

fs::path BestFolder(const fs::path& output) {
  return output / "best";
}

TrainingState LoadCheckpoint(const fs::path& folder,
                             const std::vector<std::pair<std::string, std::string>>& identity,
                             const CheckpointParts& parts) {
  if (!fs::exists(folder / kStateFile)) {
    throw Error(ErrorCode::kNotFound, folder.string(),
                std::string("holds no ") + kStateFile + ", so a training cannot go on from it");
  }
  TrainingState state = ReadState(folder / kStateFile);
  RequireSame(folder / kStateFile, state, identity);
  parts.adapter.Load(folder);
  if (parts.average != nullptr) parts.average->Load(folder);
  const auto moments = SafetensorsFile::Open(folder / kOptimizerFile);
  for (const AdamW::Moments& tensor : parts.optimizer.moments()) {
    ReadNumbers(*moments, tensor.name + ".exp_avg", tensor.first);
    ReadNumbers(*moments, tensor.name + ".exp_avg_sq", tensor.second);
  }
  parts.optimizer.set_num_steps(state.step);
  return state;
}

}  // namespace dear
