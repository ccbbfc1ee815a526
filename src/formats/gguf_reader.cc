#include "formats/gguf_reader.h"

#include <algorithm>

#include "base/error.h"
#include "formats/ggml_types.h"

namespace dear {
namespace {

// Bounds far above any real file that keep a hostile one from taking memory without end.
constexpr size_t kMaxHeaderBytes = size_t{1} << 30;
constexpr uint64_t kMaxArrayElements = uint64_t{1} << 24;  // over all arrays of a file

}  // namespace

GgufReader::GgufReader(std::span<const std::byte> bytes, const std::string& origin)
    : bytes_(bytes.first(std::min(bytes.size(), kMaxHeaderBytes))), origin_(origin) {}

void GgufReader::Fail(const std::string& what) const {
  throw Error(ErrorCode::kInvalidFormat, context_.empty() ? origin_ : origin_ + ": " + context_,
              what);
}

void GgufReader::FailUnsupported(const std::string& what) const {
  throw Error(ErrorCode::kUnsupported, context_.empty() ? origin_ : origin_ + ": " + context_,
              what);
}

void GgufReader::FailTruncated() const {
  Fail("the file ends too early, at byte " + std::to_string(bytes_.size()) +
       " of its header (truncated?)");
}

std::string GgufReader::ReadString() {
  const auto length = Read<uint64_t>();
  if (length > remaining()) FailTruncated();
  std::string text(reinterpret_cast<const char*>(bytes_.data()) + at_, length);
  at_ += length;
  return text;
}

uint64_t GgufReader::ReadCount(const char* what, uint64_t min_bytes) {
  const auto count = Read<uint64_t>();
  if (count > remaining() / min_bytes) {
    Fail("claims " + std::to_string(count) + " " + what + ", more than fit in the file");
  }
  return count;
}

int64_t GgufReader::ReadU64AsInt64() {
  const auto value = Read<uint64_t>();
  if (value > static_cast<uint64_t>(INT64_MAX)) Fail("number too large");
  return static_cast<int64_t>(value);
}

bool GgufReader::ReadBool() {
  const auto value = Read<uint8_t>();
  if (value > 1) Fail("a truth value must be 0 or 1, found " + std::to_string(value));
  return value == 1;
}

GgufValue GgufReader::ReadValueOf(uint32_t type) {
  switch (static_cast<GgufType>(type)) {
    case GgufType::kU8: return int64_t{Read<uint8_t>()};
    case GgufType::kI8: return (int64_t{Read<uint8_t>()} ^ 0x80) - 0x80;
    case GgufType::kU16: return int64_t{Read<uint16_t>()};
    case GgufType::kI16: return int64_t{Read<int16_t>()};
    case GgufType::kU32: return int64_t{Read<uint32_t>()};
    case GgufType::kI32: return int64_t{Read<int32_t>()};
    case GgufType::kU64: return ReadU64AsInt64();
    case GgufType::kI64: return Read<int64_t>();
    case GgufType::kF32: return double{Read<float>()};
    case GgufType::kF64: return Read<double>();
    case GgufType::kBool: return ReadBool();
    case GgufType::kString: return ReadString();
    case GgufType::kArray: return ReadArray();
  }
  Fail("unknown value type " + std::to_string(type));
}

template <typename Out, typename In>
std::vector<Out> GgufReader::ReadNumbers(uint64_t count) {
  std::vector<Out> values(count);
  // NOLINTNEXTLINE(bugprone-signed-char-misuse): these are numbers, not characters
  for (Out& value : values) value = static_cast<Out>(Read<In>());
  return values;
}

GgufValue GgufReader::ReadArray() {
  const auto type = Read<uint32_t>();
  uint64_t min_bytes = 1;
  switch (static_cast<GgufType>(type)) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kBool: min_bytes = 1; break;
    case GgufType::kU16:
    case GgufType::kI16: min_bytes = 2; break;
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kF32: min_bytes = 4; break;
    case GgufType::kU64:
    case GgufType::kI64:
    case GgufType::kF64:
    case GgufType::kString: min_bytes = 8; break;
    case GgufType::kArray: FailUnsupported("an array of arrays is not supported");
    default: Fail("unknown array type " + std::to_string(type));
  }
  const uint64_t count = ReadCount("array elements", min_bytes);
  array_elements_ += count;
  if (array_elements_ > kMaxArrayElements) {
    Fail("arrays of more than " + std::to_string(kMaxArrayElements) + " elements");
  }
  switch (static_cast<GgufType>(type)) {
    case GgufType::kU8: return ReadNumbers<int64_t, uint8_t>(count);
    case GgufType::kI8: return ReadNumbers<int64_t, int8_t>(count);
    case GgufType::kU16: return ReadNumbers<int64_t, uint16_t>(count);
    case GgufType::kI16: return ReadNumbers<int64_t, int16_t>(count);
    case GgufType::kU32: return ReadNumbers<int64_t, uint32_t>(count);
    case GgufType::kI32: return ReadNumbers<int64_t, int32_t>(count);
    case GgufType::kI64: return ReadNumbers<int64_t, int64_t>(count);
    case GgufType::kF32: return ReadNumbers<double, float>(count);
    case GgufType::kF64: return ReadNumbers<double, double>(count);
    case GgufType::kU64: {
      std::vector<int64_t> values(count);
      for (int64_t& value : values) value = ReadU64AsInt64();
      return values;
    }
    case GgufType::kBool: {
      std::vector<bool> values(count);
      for (size_t i = 0; i < values.size(); ++i) values[i] = ReadBool();
      return values;
    }
    default: {
      std::vector<std::string> values;
      values.reserve(count);
      for (uint64_t i = 0; i < count; ++i) values.push_back(ReadString());
      return values;
    }
  }
}

}  // namespace dear
