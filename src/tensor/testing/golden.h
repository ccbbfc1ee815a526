#ifndef DEAR_TENSOR_TESTING_GOLDEN_H_
#define DEAR_TENSOR_TESTING_GOLDEN_H_

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/mapped_file.h"

namespace dear::testing {

// A file of tests/golden/tensor (made by tools/make_tensor_goldens.py), read piece by piece.
class Golden {
 public:
  explicit Golden(const std::string& name)
      : text_(ReadFile(std::string(DEAR_SOURCE_DIR "/tests/golden/tensor/") + name)) {}

  size_t remaining() const { return text_.size() - at_; }

  template <typename T>
  std::vector<T> Take(size_t count) {
    if (count > remaining() / sizeof(T)) throw std::out_of_range("golden file too short");
    std::vector<T> values(count);
    std::memcpy(values.data(), text_.data() + at_, count * sizeof(T));
    at_ += count * sizeof(T);
    return values;
  }
  template <typename T>
  T TakeOne() {
    return Take<T>(1)[0];
  }

 private:
  std::string text_;
  size_t at_ = 0;
};

// The bits of numbers, so that tests compare NaN and the sign of zero too.
inline std::vector<uint32_t> Bits(std::span<const float> values) {
  std::vector<uint32_t> bits(values.size());
  if (!values.empty()) std::memcpy(bits.data(), values.data(), values.size_bytes());
  return bits;
}

}  // namespace dear::testing

#endif  // DEAR_TENSOR_TESTING_GOLDEN_H_
