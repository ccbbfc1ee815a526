#ifndef DEAR_FORMATS_GGUF_READER_H_
#define DEAR_FORMATS_GGUF_READER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "formats/gguf.h"

namespace dear {

// Reads the header of a GGUF file number by number, from its beginning. Nothing beyond the bytes is
// touched, and no allocation is larger than what the bytes could hold. Errors name the file and
// what was being read.
class GgufReader {
 public:
  // `origin` must outlive the reader.
  GgufReader(std::span<const std::byte> bytes, const std::string& origin);

  size_t at() const { return at_; }
  size_t remaining() const { return bytes_.size() - at_; }

  [[noreturn]] void Fail(const std::string& what) const;             // kInvalidFormat
  [[noreturn]] void FailUnsupported(const std::string& what) const;  // kUnsupported
  // What is being read, for messages.
  void SetContext(std::string context) { context_ = std::move(context); }

  template <typename T>
  T Read() {
    if (remaining() < sizeof(T)) FailTruncated();
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  std::string ReadString();
  // A count of things that take at least `min_bytes` each in the file.
  uint64_t ReadCount(const char* what, uint64_t min_bytes);
  GgufValue ReadValue() { return ReadValueOf(Read<uint32_t>()); }

 private:
  [[noreturn]] void FailTruncated() const;
  GgufValue ReadValueOf(uint32_t type);
  GgufValue ReadArray();
  int64_t ReadU64AsInt64();
  bool ReadBool();
  template <typename Out, typename In>
  std::vector<Out> ReadNumbers(uint64_t count);

  std::span<const std::byte> bytes_;
  const std::string& origin_;
  std::string context_;
  size_t at_ = 0;
  uint64_t array_elements_ = 0;
};

}  // namespace dear

#endif  // DEAR_FORMATS_GGUF_READER_H_
