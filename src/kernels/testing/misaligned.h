#ifndef DEAR_KERNELS_TESTING_MISALIGNED_H_
#define DEAR_KERNELS_TESTING_MISALIGNED_H_

#include <cstdint>
#include <random>
#include <vector>

namespace dear::testing {

// Numbers at an address that is one number past a cache line, with guards on both sides.
template <class T>
class Misaligned {
 public:
  explicit Misaligned(int64_t size)
      : size_(size), memory_(static_cast<size_t>(size) + 3 * kLine, kGuard) {
    const auto address = reinterpret_cast<uintptr_t>(memory_.data());
    offset_ = (64 - address % 64) % 64 / sizeof(T) + kLine + 1;
  }
  T* data() { return memory_.data() + offset_; }
  T& operator[](int64_t i) { return data()[i]; }
  void Fill(std::mt19937& random, float scale = 1) {
    std::normal_distribution<float> normal(0, scale);
    for (int64_t i = 0; i < size_; ++i) data()[i] = static_cast<T>(normal(random));
  }
  bool GuardsIntact() const {
    for (size_t i = 0; i < memory_.size(); ++i) {
      const bool inside = i >= offset_ && i < offset_ + static_cast<size_t>(size_);
      if (!inside && memory_[i] != kGuard) return false;
    }
    return true;
  }

 private:
  static constexpr size_t kLine = 64 / sizeof(T);
  static constexpr T kGuard = static_cast<T>(12345);
  int64_t size_;
  std::vector<T> memory_;
  size_t offset_ = 0;
};

}  // namespace dear::testing

#endif  // DEAR_KERNELS_TESTING_MISALIGNED_H_
