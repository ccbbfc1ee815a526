#include "formats/gguf_writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "formats/ggml_types.h"

namespace dear {
namespace {

constexpr uint32_t kVersion = 3;

// Appends numbers and strings as GGUF has them.
class Encoder {
 public:
  template <typename T>
  Encoder& Number(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    bytes_.append(raw, sizeof(T));
    return *this;
  }
  Encoder& Type(GgufType type) { return Number(static_cast<uint32_t>(type)); }
  Encoder& String(std::string_view text) {
    Number<uint64_t>(text.size());
    bytes_.append(text);
    return *this;
  }
  Encoder& Array(GgufType type, uint64_t count) {
    return Type(GgufType::kArray).Type(type).Number(count);
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// GGUF's name for a type of numbers.
template <typename T>
constexpr GgufType TypeOf() {
  if constexpr (std::is_same_v<T, uint32_t>) return GgufType::kU32;
  if constexpr (std::is_same_v<T, int32_t>) return GgufType::kI32;
  if constexpr (std::is_same_v<T, int64_t>) return GgufType::kI64;
  if constexpr (std::is_same_v<T, float>) return GgufType::kF32;
  if constexpr (std::is_same_v<T, double>) return GgufType::kF64;
  return GgufType::kBool;
}

template <typename T>
std::string EncodeNumber(T value) {
  return Encoder().Type(TypeOf<T>()).Number(value).Take();
}

template <typename T, typename Values>
std::string EncodeArray(const Values& values) {
  Encoder encoder;
  encoder.Array(TypeOf<T>(), values.size());
  for (const auto value : values) encoder.Number(static_cast<T>(value));
  return encoder.Take();
}

std::string EncodeStrings(const std::vector<std::string>& values) {
  Encoder encoder;
  encoder.Array(GgufType::kString, values.size());
  for (const std::string& value : values) encoder.String(value);
  return encoder.Take();
}

template <typename T>
bool Fits(int64_t value) {
  return value >= static_cast<int64_t>(std::numeric_limits<T>::min()) &&
         value <= static_cast<int64_t>(std::numeric_limits<T>::max());
}

// A NaN is not equal to itself and goes as f64.
bool IsF32(double value) {
  return std::abs(value) <= std::numeric_limits<float>::max() &&
         static_cast<double>(static_cast<float>(value)) == value;
}

struct EncodeValue {
  std::string operator()(bool value) const { return EncodeNumber(value); }
  std::string operator()(int64_t value) const {
    if (Fits<uint32_t>(value)) return EncodeNumber(static_cast<uint32_t>(value));
    if (Fits<int32_t>(value)) return EncodeNumber(static_cast<int32_t>(value));
    return EncodeNumber(value);
  }
  std::string operator()(double value) const {
    return IsF32(value) ? EncodeNumber(static_cast<float>(value)) : EncodeNumber(value);
  }
  std::string operator()(const std::string& value) const {
    return Encoder().Type(GgufType::kString).String(value).Take();
  }
  std::string operator()(const std::vector<bool>& values) const {
    return EncodeArray<bool>(values);
  }
  std::string operator()(const std::vector<int64_t>& values) const {
    const auto all = [&](auto fits) { return std::all_of(values.begin(), values.end(), fits); };
    if (all(Fits<int32_t>)) return EncodeArray<int32_t>(values);
    if (all(Fits<uint32_t>)) return EncodeArray<uint32_t>(values);
    return EncodeArray<int64_t>(values);
  }
  std::string operator()(const std::vector<double>& values) const {
    const bool f32 = std::all_of(values.begin(), values.end(), IsF32);
    return f32 ? EncodeArray<float>(values) : EncodeArray<double>(values);
  }
  std::string operator()(const std::vector<std::string>& values) const {
    return EncodeStrings(values);
  }
};

uint64_t Padded(uint64_t size) {
  return (size + kGgufDefaultAlignment - 1) / kGgufDefaultAlignment * kGgufDefaultAlignment;
}

void EncodeTensors(Encoder& encoder, std::span<const TensorSpec> tensors,
                   const std::string& context) {
  std::set<std::string_view> names;
  uint64_t offset = 0;
  for (const TensorSpec& tensor : tensors) {
    const std::string where = context + ": tensor '" + tensor.name + "'";
    const auto type = GgmlTypeOf(tensor.dtype);
    if (!type) {
      throw Error(ErrorCode::kUnsupported, where,
                  "GGUF cannot hold type " + std::string(DTypeName(tensor.dtype)));
    }
    if (!names.insert(tensor.name).second) {
      throw Error(ErrorCode::kInvalidArgument, where, "the name is taken");
    }
    encoder.String(tensor.name).Number(static_cast<uint32_t>(tensor.shape.size()));
    for (auto extent = tensor.shape.rbegin(); extent != tensor.shape.rend(); ++extent) {
      encoder.Number(static_cast<uint64_t>(*extent));
    }
    encoder.Number(*type).Number(offset);
    offset += Padded(TensorBytes(tensor));
  }
}

}  // namespace

void GgufWriter::Set(std::string_view key, std::string encoded) {
  for (Entry& entry : entries_) {
    if (entry.key == key) {
      entry.encoded = std::move(encoded);
      return;
    }
  }
  entries_.push_back({std::string(key), std::move(encoded)});
}

void GgufWriter::SetBool(std::string_view key, bool value) {
  Set(key, EncodeNumber(value));
}
void GgufWriter::SetU32(std::string_view key, uint32_t value) {
  Set(key, EncodeNumber(value));
}
void GgufWriter::SetI64(std::string_view key, int64_t value) {
  Set(key, EncodeNumber(value));
}
void GgufWriter::SetF32(std::string_view key, float value) {
  Set(key, EncodeNumber(value));
}
void GgufWriter::SetF64(std::string_view key, double value) {
  Set(key, EncodeNumber(value));
}
void GgufWriter::SetString(std::string_view key, std::string_view value) {
  Set(key, EncodeValue()(std::string(value)));
}
void GgufWriter::SetStrings(std::string_view key, const std::vector<std::string>& values) {
  Set(key, EncodeStrings(values));
}
void GgufWriter::SetF32s(std::string_view key, const std::vector<float>& values) {
  Set(key, EncodeArray<float>(values));
}
void GgufWriter::SetI32s(std::string_view key, const std::vector<int32_t>& values) {
  Set(key, EncodeArray<int32_t>(values));
}

void GgufWriter::CopyMetadata(const GgufFile& from) {
  for (const auto& [key, value] : from.metadata()) {
    if (key != "general.alignment") Set(key, std::visit(EncodeValue(), value));
  }
}

void GgufWriter::Write(const std::filesystem::path& path, std::span<const TensorSpec> tensors,
                       const TensorBytesFn& produce) const {
  Encoder encoder;
  for (const char c : kGgufMagic) encoder.Number(c);
  encoder.Number(kVersion);
  encoder.Number<uint64_t>(tensors.size()).Number<uint64_t>(entries_.size());
  std::string header = encoder.Take();
  for (const Entry& entry : entries_) {
    header += Encoder().String(entry.key).Take();
    header += entry.encoded;
  }
  EncodeTensors(encoder, tensors, path.string());
  header += encoder.Take();
  header.resize(Padded(header.size()), '\0');

  AtomicFile file(path);
  file.Write(header);
  const std::string padding(kGgufDefaultAlignment, '\0');
  for (size_t i = 0; i < tensors.size(); ++i) {
    WriteTensor(file, tensors[i], i, produce);
    file.Write(std::string_view(padding).substr(0, Padded(file.written()) - file.written()));
  }
  file.Commit();
}

}  // namespace dear
