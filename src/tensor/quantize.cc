#include "tensor/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"

// The arithmetic of gguf-py's quants.py, operation for operation.
namespace dear {
namespace {

constexpr int kBlock = 32;

void StoreF16(float value, uint8_t* dst) {
  const uint16_t bits = F32ToF16(value);
  std::memcpy(dst, &bits, sizeof(bits));
}

// A float cut to an integer of [0, largest]; what is no number of that kind becomes 0, as in numpy.
int Cut(float value, int largest) {
  const float valid = std::fabs(value) < 0x1p31f ? value : 0.0f;
  return std::clamp(static_cast<int>(valid), 0, largest);
}

// The number of largest magnitude, with its sign; the first of equals.
float Extreme(const float* x) {
  float extreme = x[0];
  for (int i = 1; i < kBlock; ++i) {
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  }
  return extreme;
}

float Inverse(float d) {
  return d == 0 ? 0.0f : 1.0f / d;
}

// Nibbles of a block of 32: byte i holds element i low, element i + 16 high.
void PackNibbles(const int* q, uint8_t* dst) {
  for (int i = 0; i < 16; ++i) dst[i] = static_cast<uint8_t>((q[i] & 15) | ((q[i + 16] & 15) << 4));
}

void PackFifthBits(const int* q, uint8_t* dst) {
  for (int byte = 0; byte < 4; ++byte) {
    int bits = 0;
    for (int i = 0; i < 8; ++i) bits |= (q[8 * byte + i] >> 4) << i;
    dst[byte] = static_cast<uint8_t>(bits);
  }
}

// q4_0 and q5_0: levels 0 .. 2*half - 1 around `half`, the extreme one at 0.
float QuantizeAroundZero(const float* x, int half, int* q) {
  const float d = Extreme(x) / static_cast<float>(-half);
  const float inverse = Inverse(d);
  for (int i = 0; i < kBlock; ++i) {
    q[i] = Cut(x[i] * inverse + (static_cast<float>(half) + 0.5f), 2 * half - 1);
  }
  return d;
}

struct Range {
  float d;
  float minimum;
};

// q4_1 and q5_1: levels 0 .. top from the smallest number to the largest.
Range QuantizeFromMinimum(const float* x, int top, int* q) {
  const auto [low, high] = std::minmax_element(x, x + kBlock);
  const float d = (*high - *low) / static_cast<float>(top);
  const float inverse = Inverse(d);
  for (int i = 0; i < kBlock; ++i) q[i] = Cut((x[i] - *low) * inverse + 0.5f, top);
  return {d, *low};
}

void BlockQ8_0(const float* x, uint8_t* dst) {
  const float d = std::fabs(Extreme(x)) / 127.0f;
  const float inverse = Inverse(d);
  StoreF16(d, dst);
  for (int i = 0; i < kBlock; ++i) {
    const float scaled = x[i] * inverse;
    const float magnitude = std::fabs(scaled) < 0x1p31f ? std::fabs(scaled) : 0.0f;
    // Halves are rounded away from zero.
    const int whole = static_cast<int>(magnitude);
    const int half = static_cast<int>(2.0f * (magnitude - static_cast<float>(whole)));
    const int rounded = whole + half;
    dst[2 + i] = static_cast<uint8_t>(scaled < 0 ? -rounded : rounded);
  }
}

void QuantizeBlock(DType dtype, const float* x, uint8_t* dst) {
  int q[kBlock];
  switch (dtype) {
    case DType::kQ4_0:
      StoreF16(QuantizeAroundZero(x, 8, q), dst);
      PackNibbles(q, dst + 2);
      return;
    case DType::kQ5_0:
      StoreF16(QuantizeAroundZero(x, 16, q), dst);
      PackFifthBits(q, dst + 2);
      PackNibbles(q, dst + 6);
      return;
    case DType::kQ4_1: {
      const Range range = QuantizeFromMinimum(x, 15, q);
      StoreF16(range.d, dst);
      StoreF16(range.minimum, dst + 2);
      PackNibbles(q, dst + 4);
      return;
    }
    case DType::kQ5_1: {
      const Range range = QuantizeFromMinimum(x, 31, q);
      StoreF16(range.d, dst);
      StoreF16(range.minimum, dst + 2);
      PackFifthBits(q, dst + 4);
      PackNibbles(q, dst + 8);
      return;
    }
    default: return BlockQ8_0(x, dst);
  }
}

template <uint16_t (*kConvert)(float)>
void StoreHalves(const float* src, int64_t elements, std::byte* dst) {
  for (int64_t i = 0; i < elements; ++i) {
    const uint16_t bits = kConvert(src[i]);
    std::memcpy(dst + 2 * i, &bits, sizeof(bits));
  }
}

}  // namespace

bool QuantizesFromF32(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
    case DType::kQ4_0:
    case DType::kQ4_1:
    case DType::kQ5_0:
    case DType::kQ5_1:
    case DType::kQ8_0: return true;
    default: return false;
  }
}

void QuantizeFromF32(DType dtype, const float* src, int64_t elements, std::byte* dst) {
  if (elements == 0) return;
  if (!QuantizesFromF32(dtype)) {
    throw Error(ErrorCode::kUnsupported, "quantize",
                "writing type " + std::string(DTypeName(dtype)) + " is not supported");
  }
  if (dtype == DType::kF32) {
    std::memcpy(dst, src, static_cast<size_t>(elements) * sizeof(float));
  } else if (dtype == DType::kF16) {
    StoreHalves<F32ToF16>(src, elements, dst);
  } else if (dtype == DType::kBF16) {
    StoreHalves<F32ToBF16>(src, elements, dst);
  } else {
    auto* out = reinterpret_cast<uint8_t*>(dst);
    for (int64_t i = 0; i < elements; i += kBlock) {
      QuantizeBlock(dtype, src + i, out);
      out += Traits(dtype).block_bytes;
    }
  }
}

}  // namespace dear
