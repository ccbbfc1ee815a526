// The double quantisation of bitsandbytes: absmax in 8 bits with the signed dynamic map.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tensor/bnb4.h"
#include "tensor/cascade_sum.h"

namespace dear {
namespace {

constexpr size_t kLookupSize = 65536;

// bitsandbytes' CPU kernel rounds to the map through a table over [-1, 1], so its choice is the
// nearest to the table's grid point, not to the number itself.
std::vector<uint8_t> LookupOf(const std::array<float, 256>& code) {
  std::vector<uint8_t> lookup(kLookupSize);
  size_t nearest = 0;
  for (size_t i = 0; i < kLookupSize; ++i) {
    const float twice = static_cast<float>(i) + static_cast<float>(i);
    const float value = twice / 65535.0f - 1.0f;
    while (nearest < 255 && value > (code[nearest] + code[nearest + 1]) * 0.5f) ++nearest;
    lookup[i] = static_cast<uint8_t>(nearest);
  }
  return lookup;
}

size_t LookupIndex(float scaled) {
  const float unit = (scaled + 1.0f) * 0.5f;
  // The kernel's multiply-add rounds once; in double it is exact before that rounding.
  const auto place = static_cast<float>(static_cast<double>(unit) * 65535.0 + 0.5);
  return std::min(static_cast<size_t>(place), kLookupSize - 1);
}

}  // namespace

// functional.create_dynamic_map(): for each decimal exponent the midpoints of an even division of
// [0.1, 1], twice as fine as for the exponent below, with both signs; 0 and 1.
std::array<float, 256> Bnb8SignedDynamicMap() {
  std::vector<float> values = {0.0f, 1.0f};
  for (int exponent = 0; exponent < 7; ++exponent) {
    const int items = 1 << exponent;
    // torch.linspace in f32: counted from the start below the middle, from the end above it, each
    // a multiply-add that rounds once (exact in double before that).
    const double step = (1.0f - 0.1f) / static_cast<float>(items);
    const auto boundary = [&](int i) {
      return static_cast<float>(i < (items + 1) / 2 ? double{0.1f} + step * i
                                                    : 1.0 - step * (items - i));
    };
    const auto scale = static_cast<float>(std::pow(10.0, exponent - 6));
    for (int i = 0; i < items; ++i) {
      const float value = scale * ((boundary(i) + boundary(i + 1)) / 2.0f);
      values.push_back(value);
      values.push_back(-value);
    }
  }
  std::sort(values.begin(), values.end());
  std::array<float, 256> map{};
  std::copy(values.begin(), values.end(), map.begin());
  return map;
}

Bnb4NestedAbsmax NestAbsmax(std::span<const float> absmax) {
  static const std::array<float, 256> code = Bnb8SignedDynamicMap();
  static const std::vector<uint8_t> lookup = LookupOf(code);
  Bnb4NestedAbsmax nested;
  nested.code = code;
  if (absmax.empty()) return nested;
  nested.offset = CascadeSum(absmax) / static_cast<float>(absmax.size());
  nested.quantized.resize(absmax.size());

  const auto block = static_cast<size_t>(nested.block_size);
  for (size_t begin = 0; begin < absmax.size(); begin += block) {
    const size_t end = std::min(begin + block, absmax.size());
    float largest = 0;
    for (size_t i = begin; i < end; ++i) {
      largest = std::max(largest, std::fabs(absmax[i] - nested.offset));
    }
    nested.absmax.push_back(largest);
    if (largest == 0) continue;  // the kernel writes code 0, which times 0 is 0
    const float inverse = 1.0f / largest;
    for (size_t i = begin; i < end; ++i) {
      const float scaled = std::clamp((absmax[i] - nested.offset) * inverse, -1.0f, 1.0f);
      nested.quantized[i] = lookup[LookupIndex(scaled)];
    }
  }
  return nested;
}

std::vector<float> UnnestAbsmax(const Bnb4NestedAbsmax& nested) {
  const auto block = static_cast<size_t>(nested.block_size);
  if (nested.block_size <= 0 ||
      nested.absmax.size() < (nested.quantized.size() + block - 1) / block) {
    throw Error(ErrorCode::kInvalidFormat, "nested_absmax",
                "holds " + std::to_string(nested.absmax.size()) + " numbers for " +
                    std::to_string(nested.quantized.size()) + " in blocks of " +
                    std::to_string(nested.block_size));
  }
  std::vector<float> absmax(nested.quantized.size());
  for (size_t i = 0; i < absmax.size(); ++i) {
    absmax[i] = nested.code[nested.quantized[i]] * nested.absmax[i / block] + nested.offset;
  }
  return absmax;
}

}  // namespace dear
