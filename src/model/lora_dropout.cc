#include "model/lora_dropout.h"

namespace dear {
namespace {

// SplitMix64's finaliser (Steele, Lea and Flood, OOPSLA 2014).
uint64_t Mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

void LoraDropout::Apply(int module_id, const float* x, int64_t rows, int64_t n, float* y) const {
  constexpr uint64_t kGolden = 0x9e3779b97f4a7c15ULL;
  const uint64_t start = Mixed(seed + kGolden * (static_cast<uint64_t>(module_id) + 1));
  const auto limit = static_cast<uint64_t>(static_cast<double>(probability) * 4294967296.0);
  const float kept = 1.0F / (1.0F - probability);
  for (int64_t i = 0; i < rows * n; ++i) {
    const uint64_t drawn = Mixed(start + kGolden * static_cast<uint64_t>(i)) >> 32;
    y[i] = drawn < limit ? 0.0F : x[i] * kept;
  }
}

}  // namespace dear
