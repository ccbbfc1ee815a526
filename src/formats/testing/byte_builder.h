#ifndef DEAR_FORMATS_TESTING_BYTE_BUILDER_H_
#define DEAR_FORMATS_TESTING_BYTE_BUILDER_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace dear::testing {

// Puts a binary file together, valid or broken, number by number.
class ByteBuilder {
 public:
  template <typename T>
  ByteBuilder& Put(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    bytes_.append(raw, sizeof(T));
    return *this;
  }
  ByteBuilder& Text(std::string_view text) {
    bytes_.append(text);
    return *this;
  }
  // A GGUF string: length, then bytes.
  ByteBuilder& String(std::string_view text) { return Put<uint64_t>(text.size()).Text(text); }
  ByteBuilder& Zeros(size_t count) {
    bytes_.append(count, '\0');
    return *this;
  }
  ByteBuilder& AlignTo(size_t alignment) {
    while (bytes_.size() % alignment != 0) bytes_.push_back('\0');
    return *this;
  }

  const std::string& str() const { return bytes_; }

 private:
  std::string bytes_;
};

// Runs a parser's static Parse over a copy of `bytes` that ends where its allocation ends, so that
// a sanitizer sees every read beyond it.
template <typename File>
auto ParseBytes(std::string_view bytes, std::string origin = "test") {
  std::shared_ptr<std::byte[]> copy(new std::byte[bytes.size()]);
  if (!bytes.empty()) std::memcpy(copy.get(), bytes.data(), bytes.size());
  return File::Parse(std::span<const std::byte>(copy.get(), bytes.size()), copy, std::move(origin));
}

}  // namespace dear::testing

#endif  // DEAR_FORMATS_TESTING_BYTE_BUILDER_H_
