#include <set>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "formats/safetensors.h"
#include "formats/safetensors_header.h"

namespace dear {
namespace {

constexpr size_t kAlignment = 8;  // of the tensor data in the file

std::string Dump(const OrderedJson& json, int indent, const std::string& context) {
  try {
    return json.dump(indent);
  } catch (const OrderedJson::exception&) {
    throw Error(ErrorCode::kInvalidArgument, context, "a name or a text is not valid UTF-8");
  }
}

std::string HeaderOf(std::span<const TensorSpec> tensors,
                     const std::map<std::string, std::string>& metadata,
                     const std::string& context) {
  OrderedJson header = OrderedJson::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::set<std::string_view> names = {"__metadata__"};
  uint64_t at = 0;
  // One entry after the other: ordered_json looks names up by walking over all of them.
  std::string text = Dump(header, -1, context);
  text.pop_back();
  for (const TensorSpec& tensor : tensors) {
    const auto dtype = SafetensorsNameOf(tensor.dtype);
    if (!dtype) {
      throw Error(ErrorCode::kUnsupported, context + ": tensor '" + tensor.name + "'",
                  "safetensors cannot hold type " + std::string(DTypeName(tensor.dtype)));
    }
    if (!names.insert(tensor.name).second) {
      throw Error(ErrorCode::kInvalidArgument, context + ": tensor '" + tensor.name + "'",
                  "the name is taken");
    }
    const uint64_t end = at + TensorBytes(tensor);
    OrderedJson entry;
    entry["dtype"] = *dtype;
    entry["shape"] = tensor.shape;
    entry["data_offsets"] = {at, end};
    at = end;
    if (text.size() > 1) text += ',';
    text += Dump(tensor.name, -1, context) + ":" + entry.dump();
  }
  text += '}';
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  return text;
}

std::string Digits5(size_t number) {
  std::string digits = std::to_string(number);
  return std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
}

// Where each shard begins: as transformers does, a tensor that would make a shard too large begins
// the next one.
std::vector<size_t> ShardStarts(std::span<const TensorSpec> tensors, uint64_t max_shard_bytes) {
  std::vector<size_t> starts = {0};
  uint64_t size = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const uint64_t bytes = TensorBytes(tensors[i]);
    if (i > starts.back() && (bytes > max_shard_bytes || size > max_shard_bytes - bytes)) {
      starts.push_back(i);
      size = 0;
    }
    size += bytes;
  }
  return starts;
}

}  // namespace

void WriteSafetensors(const std::filesystem::path& path, std::span<const TensorSpec> tensors,
                      const TensorBytesFn& produce,
                      const std::map<std::string, std::string>& metadata) {
  const std::string header = HeaderOf(tensors, metadata, path.string());
  AtomicFile file(path);
  const uint64_t length = header.size();
  file.Write(std::as_bytes(std::span(&length, 1)));
  file.Write(header);
  for (size_t i = 0; i < tensors.size(); ++i) WriteTensor(file, tensors[i], i, produce);
  file.Commit();
}

void WriteSafetensors(const std::filesystem::path& path, std::span<const Tensor> tensors,
                      const std::map<std::string, std::string>& metadata) {
  WriteSafetensors(path, SpecsOf(tensors), BytesOf(tensors), metadata);
}

std::vector<std::string> WriteSafetensorsSharded(const std::filesystem::path& folder,
                                                 std::span<const TensorSpec> tensors,
                                                 const TensorBytesFn& produce,
                                                 const std::map<std::string, std::string>& metadata,
                                                 uint64_t max_shard_bytes) {
  const std::vector<size_t> starts = ShardStarts(tensors, max_shard_bytes);
  const size_t num_shards = starts.size();
  if (num_shards == 1) {
    WriteSafetensors(folder / "model.safetensors", tensors, produce, metadata);
    return {"model.safetensors"};
  }
  if (std::filesystem::exists(folder / "model.safetensors")) {
    throw Error(ErrorCode::kInvalidArgument, folder.string(),
                "holds a model.safetensors, which readers would take instead of the shards");
  }
  std::vector<std::string> files;
  OrderedJson weight_map = OrderedJson::object();
  uint64_t total = 0;
  for (size_t shard = 0; shard < num_shards; ++shard) {
    const size_t begin = starts[shard];
    const size_t end = shard + 1 < num_shards ? starts[shard + 1] : tensors.size();
    files.push_back("model-" + Digits5(shard + 1) + "-of-" + Digits5(num_shards) + ".safetensors");
    WriteSafetensors(
        folder / files.back(), tensors.subspan(begin, end - begin),
        [&](size_t index, const WriteBytesFn& write) { produce(begin + index, write); }, metadata);
    for (size_t i = begin; i < end; ++i) {
      weight_map[tensors[i].name] = files.back();
      total += TensorBytes(tensors[i]);
    }
  }
  const OrderedJson index = {{"metadata", {{"total_size", total}}}, {"weight_map", weight_map}};
  const auto path = folder / "model.safetensors.index.json";
  const std::string text = Dump(index, 2, path.string()) + "\n";
  WriteFileAtomically(path, std::as_bytes(std::span(std::string_view(text))));
  return files;
}

}  // namespace dear
