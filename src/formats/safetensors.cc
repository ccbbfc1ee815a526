#include "formats/safetensors.h"

#include <cstring>

#include "base/error.h"
#include "base/mapped_file.h"
#include "formats/safetensors_header.h"
#include "formats/tensor_layout.h"

namespace dear {
namespace {

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kMaxHeader = 100'000'000;  // the reference implementation's limit

[[noreturn]] void Fail(const std::string& context, const std::string& what) {
  throw Error(ErrorCode::kInvalidFormat, context, what);
}

std::string_view HeaderText(std::span<const std::byte> bytes, const std::string& origin) {
  if (bytes.size() < kLengthBytes) {
    Fail(origin, "is " + std::to_string(bytes.size()) + " bytes long: not a safetensors file");
  }
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMaxHeader || length > bytes.size() - kLengthBytes) {
    Fail(origin, "header length " + std::to_string(length) + " does not fit in the file (" +
                     std::to_string(bytes.size()) + " bytes): truncated, or no safetensors file");
  }
  const auto* text = reinterpret_cast<const char*>(bytes.data()) + kLengthBytes;
  if (length == 0 || text[0] != '{') Fail(origin, "header does not begin with '{'");
  return {text, length};
}

// One tensor with everything about it checked but its neighbours.
Tensor TensorOf(SafetensorsEntry entry, std::span<const std::byte> data,
                const std::shared_ptr<const void>& owner, const std::string& origin,
                TensorExtent* extent) {
  Tensor tensor;
  tensor.name = std::move(entry.name);
  tensor.origin = origin;
  if (!entry.dtype) Fail(tensor.Where(), "field 'dtype' is missing");
  if (!entry.shape) Fail(tensor.Where(), "field 'shape' is missing");
  if (!entry.offsets) Fail(tensor.Where(), "field 'data_offsets' is missing");
  if (entry.offsets->size() != 2) Fail(tensor.Where(), "'data_offsets' must hold two numbers");

  const auto dtype = DTypeOfSafetensorsName(*entry.dtype);
  if (!dtype) {
    throw Error(ErrorCode::kUnsupported, tensor.Where(),
                "dtype '" + entry.dtype->substr(0, 32) + "' is not supported");
  }
  tensor.dtype = *dtype;
  tensor.shape.assign(entry.shape->begin(), entry.shape->end());

  const auto elements = CountElements(*entry.shape);
  const auto size = elements ? StorageBytes(tensor.dtype, *elements) : std::nullopt;
  if (!size) Fail(tensor.Where(), "its shape is too large");
  const uint64_t begin = (*entry.offsets)[0];
  const uint64_t end = (*entry.offsets)[1];
  if (begin > end || end > data.size()) {
    Fail(tensor.Where(), "data_offsets [" + std::to_string(begin) + ", " + std::to_string(end) +
                             "] lie outside the file's " + std::to_string(data.size()) +
                             " bytes of tensor data");
  }
  if (end - begin != *size) {
    Fail(tensor.Where(), "shape " + tensor.ShapeString() + " of " + *entry.dtype + " takes " +
                             std::to_string(*size) + " bytes, data_offsets give " +
                             std::to_string(end - begin));
  }
  tensor.bytes = data.subspan(begin, *size);
  tensor.owner = owner;
  *extent = {begin, end, {}};
  return tensor;
}

}  // namespace

std::shared_ptr<const SafetensorsFile> SafetensorsFile::Open(const std::filesystem::path& path) {
  auto file = MappedFile::Open(path);
  return Parse(file->bytes(), file, path.string());
}

std::shared_ptr<const SafetensorsFile> SafetensorsFile::Parse(
    std::span<const std::byte> bytes, const std::shared_ptr<const void>& owner,
    std::string origin) {
  auto file = std::make_shared<SafetensorsFile>();
  file->origin_ = std::move(origin);
  const std::string_view text = HeaderText(bytes, file->origin_);
  SafetensorsHeader header = ParseSafetensorsHeader(text, file->origin_);
  file->metadata_ = std::move(header.metadata);

  const auto data = bytes.subspan(kLengthBytes + text.size());
  std::vector<TensorExtent> extents;
  extents.reserve(header.entries.size());
  for (SafetensorsEntry& entry : header.entries) {
    TensorExtent extent;
    Tensor tensor = TensorOf(std::move(entry), data, owner, file->origin_, &extent);
    std::string name = tensor.name;
    const auto [it, added] = file->tensors_.emplace(std::move(name), std::move(tensor));
    extent.name = it->first;
    extents.push_back(extent);
  }
  CheckExtents(extents, data.size(), /*without_holes=*/true, file->origin_);
  return file;
}

std::vector<std::string> SafetensorsFile::Names() const {
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const auto& [name, tensor] : tensors_) names.push_back(name);
  return names;
}

bool SafetensorsFile::Contains(std::string_view name) const {
  return tensors_.find(name) != tensors_.end();
}

Tensor SafetensorsFile::Get(std::string_view name) const {
  const auto it = tensors_.find(name);
  if (it == tensors_.end()) {
    throw Error(ErrorCode::kNotFound, origin_, "holds no tensor '" + std::string(name) + "'");
  }
  return it->second;
}

}  // namespace dear
