#include "formats/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/checked.h"
#include "base/error.h"
#include "formats/ggml_types.h"
#include "formats/gguf_reader.h"
#include "formats/tensor_layout.h"

namespace dear {
namespace {

constexpr uint32_t kMaxDimensions = 8;
constexpr int64_t kMaxAlignment = 1 << 20;

void CheckMagicAndVersion(GgufReader& reader) {
  char magic[sizeof(kGgufMagic)] = {};
  for (char& c : magic) c = static_cast<char>(reader.Read<uint8_t>());
  if (std::memcmp(magic, kGgufMagic, sizeof(magic)) != 0) reader.Fail("not a GGUF file");
  const auto version = reader.Read<uint32_t>();
  // A big-endian file has its small version number in the upper bytes.
  if (version != 0 && (version & 0xffffu) == 0) {
    reader.FailUnsupported("a big-endian GGUF file is not supported");
  }
  if (version != 2 && version != 3) {
    reader.FailUnsupported("GGUF version " + std::to_string(version) +
                           " is not supported (2 and 3 are)");
  }
}

// A tensor's entry in the header; `offset` counts from the start of the tensor data.
struct TensorEntry {
  Tensor tensor;
  uint64_t offset = 0;
  uint64_t size = 0;
};

TensorEntry ReadTensorEntry(GgufReader& reader, const std::string& origin) {
  TensorEntry entry;
  entry.tensor.name = reader.ReadString();
  CheckName(entry.tensor.name, origin);
  reader.SetContext("tensor '" + entry.tensor.name + "'");
  const auto rank = reader.Read<uint32_t>();
  if (rank > kMaxDimensions) reader.Fail("has " + std::to_string(rank) + " dimensions");
  // The file gives the fastest dimension first.
  std::vector<uint64_t> shape(rank);
  for (uint32_t i = 0; i < rank; ++i) shape[rank - 1 - i] = reader.Read<uint64_t>();
  const auto type = reader.Read<uint32_t>();
  entry.offset = reader.Read<uint64_t>();

  const auto dtype = DTypeOfGgmlType(type);
  if (!dtype) reader.FailUnsupported("type " + GgmlTypeName(type) + " is not supported");
  const auto elements = CountElements(shape);
  if (!elements) reader.Fail("its shape is too large");
  entry.tensor.dtype = *dtype;
  entry.tensor.shape.assign(shape.begin(), shape.end());
  entry.tensor.origin = origin;
  const auto block = static_cast<uint64_t>(Traits(*dtype).block_elements);
  const auto size = StorageBytes(*dtype, *elements);
  if (!size || (block > 1 && (rank == 0 || shape.back() % block != 0))) {
    reader.Fail("shape " + entry.tensor.ShapeString() + " has rows that are no whole " +
                std::string(DTypeName(*dtype)) + " blocks of " + std::to_string(block));
  }
  entry.size = *size;
  return entry;
}

template <typename T>
const T* FindAs(const GgufFile& file, std::string_view key, const char* expected) {
  const auto it = file.metadata().find(key);
  if (it == file.metadata().end()) return nullptr;
  const T* value = std::get_if<T>(&it->second);
  if (value == nullptr) {
    throw Error(ErrorCode::kInvalidFormat,
                file.origin() + ": metadata key '" + std::string(key) + "'",
                std::string("expected ") + expected);
  }
  return value;
}

template <typename T>
std::optional<T> Copied(const T* value) {
  return value == nullptr ? std::nullopt : std::optional<T>(*value);
}

}  // namespace

std::shared_ptr<const GgufFile> GgufFile::Open(const std::filesystem::path& path) {
  auto file = MappedFile::Open(path);
  return Parse(file->bytes(), file, path.string());
}

std::shared_ptr<const GgufFile> GgufFile::Parse(std::span<const std::byte> bytes,
                                                const std::shared_ptr<const void>& owner,
                                                std::string origin) {
  auto file = std::make_shared<GgufFile>();
  file->origin_ = std::move(origin);
  GgufReader reader(bytes, file->origin_);
  CheckMagicAndVersion(reader);
  const uint64_t num_tensors = reader.ReadCount("tensors", 24);
  const uint64_t num_keys = reader.ReadCount("metadata keys", 13);

  for (uint64_t i = 0; i < num_keys; ++i) {
    reader.SetContext("metadata key number " + std::to_string(i));
    std::string key = reader.ReadString();
    CheckName(key, file->origin_);
    reader.SetContext("metadata key '" + key + "'");
    GgufValue value = reader.ReadValue();
    if (!file->metadata_.emplace(std::move(key), std::move(value)).second) {
      reader.Fail("stands twice");
    }
  }
  if (file->Int("split.count").value_or(1) > 1) {
    throw Error(ErrorCode::kUnsupported, file->origin_,
                "one part of a model that is split over several files; merge them into one first");
  }
  const int64_t alignment = file->Int("general.alignment").value_or(kGgufDefaultAlignment);
  if (alignment < 1 || alignment > kMaxAlignment ||
      !std::has_single_bit(static_cast<uint64_t>(alignment))) {
    throw Error(ErrorCode::kInvalidFormat, file->origin_ + ": metadata key 'general.alignment'",
                "must be a power of two, found " + std::to_string(alignment));
  }

  std::vector<TensorEntry> entries;
  for (uint64_t i = 0; i < num_tensors; ++i) {
    reader.SetContext("tensor number " + std::to_string(i));
    entries.push_back(ReadTensorEntry(reader, file->origin_));
  }

  const auto align = static_cast<uint64_t>(alignment);
  const uint64_t data_start =
      std::min<uint64_t>((reader.at() + align - 1) / align * align, bytes.size());
  const auto data = bytes.subspan(data_start);
  std::vector<TensorExtent> extents;
  extents.reserve(entries.size());
  for (TensorEntry& entry : entries) {
    Tensor& tensor = entry.tensor;
    const auto end = CheckedAdd(entry.offset, entry.size);
    if (!end || *end > data.size()) {
      throw Error(ErrorCode::kInvalidFormat, tensor.Where(),
                  "its " + std::to_string(entry.size) + " bytes at offset " +
                      std::to_string(entry.offset) + " lie outside the file's " +
                      std::to_string(data.size()) + " bytes of tensor data (truncated?)");
    }
    if (entry.offset % align != 0) {
      throw Error(ErrorCode::kInvalidFormat, tensor.Where(),
                  "offset " + std::to_string(entry.offset) + " is no multiple of the alignment " +
                      std::to_string(align));
    }
    tensor.bytes = data.subspan(entry.offset, entry.size);
    tensor.owner = owner;
    std::string name = tensor.name;
    const std::string where = tensor.Where();
    const auto [it, added] = file->tensors_.emplace(std::move(name), std::move(tensor));
    if (!added) throw Error(ErrorCode::kInvalidFormat, where, "stands twice");
    extents.push_back({entry.offset, *end, it->first});
  }
  CheckExtents(extents, data.size(), /*without_holes=*/false, file->origin_);
  return file;
}

std::vector<std::string> GgufFile::Names() const {
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const auto& [name, tensor] : tensors_) names.push_back(name);
  return names;
}

bool GgufFile::Contains(std::string_view name) const {
  return tensors_.find(name) != tensors_.end();
}

Tensor GgufFile::Get(std::string_view name) const {
  const auto it = tensors_.find(name);
  if (it == tensors_.end()) {
    throw Error(ErrorCode::kNotFound, origin_, "holds no tensor '" + std::string(name) + "'");
  }
  return it->second;
}

std::optional<int64_t> GgufFile::Int(std::string_view key) const {
  return Copied(FindAs<int64_t>(*this, key, "an integer"));
}

std::optional<double> GgufFile::Number(std::string_view key) const {
  const auto it = metadata_.find(key);
  if (it != metadata_.end()) {
    if (const auto* integer = std::get_if<int64_t>(&it->second)) {
      return static_cast<double>(*integer);
    }
  }
  return Copied(FindAs<double>(*this, key, "a number"));
}

std::optional<bool> GgufFile::Bool(std::string_view key) const {
  return Copied(FindAs<bool>(*this, key, "true or false"));
}

std::optional<std::string> GgufFile::String(std::string_view key) const {
  return Copied(FindAs<std::string>(*this, key, "a string"));
}

const std::vector<std::string>* GgufFile::Strings(std::string_view key) const {
  return FindAs<std::vector<std::string>>(*this, key, "an array of strings");
}

const std::vector<int64_t>* GgufFile::Ints(std::string_view key) const {
  return FindAs<std::vector<int64_t>>(*this, key, "an array of integers");
}

const std::vector<double>* GgufFile::Numbers(std::string_view key) const {
  return FindAs<std::vector<double>>(*this, key, "an array of numbers");
}

}  // namespace dear
