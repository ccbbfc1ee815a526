#include "tensor/dequantize.h"

#include <array>
#include <bit>
#include <cstring>

#include "tensor/ggml_blocks.h"

namespace dear {
namespace {

// Numbers lie at any address: they are read through memcpy, which compilers vectorise.
template <typename T>
T Load(const std::byte* src, int64_t i) {
  T value;
  std::memcpy(&value, src + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

template <typename T>
void ConvertNumbers(const std::byte* __restrict src, int64_t elements, float* __restrict dst) {
  for (int64_t i = 0; i < elements; ++i) dst[i] = static_cast<float>(Load<T>(src, i));
}

void ConvertBF16(const std::byte* __restrict src, int64_t elements, float* __restrict dst) {
  for (int64_t i = 0; i < elements; ++i) {
    dst[i] = std::bit_cast<float>(static_cast<uint32_t>(Load<uint16_t>(src, i)) << 16);
  }
}

// F16ToF32 without branches, for the vectoriser: all results are made and masks choose among them.
void ConvertF16(const std::byte* __restrict src, int64_t elements, float* __restrict dst) {
  constexpr uint32_t kExponent = 0x0f800000u;  // where the f16 exponent lies after the shift
  for (int64_t i = 0; i < elements; ++i) {
    const uint32_t bits = Load<uint16_t>(src, i);
    const uint32_t shifted = (bits & 0x7fffu) << 13;
    const uint32_t exponent = shifted & kExponent;
    // Infinity and NaN keep the top exponent: they move twice as far as the others.
    const uint32_t is_special = 0u - static_cast<uint32_t>(exponent == kExponent);
    const uint32_t normal = shifted + (112u << 23) + (is_special & (112u << 23));
    // Zero and subnormals: mantissa * 2^-24, exact.
    const float scaled = static_cast<float>(static_cast<int32_t>(bits & 0x3ffu)) * 0x1p-24f;
    const uint32_t is_small = 0u - static_cast<uint32_t>(exponent == 0);
    const uint32_t magnitude = (std::bit_cast<uint32_t>(scaled) & is_small) | (normal & ~is_small);
    dst[i] = std::bit_cast<float>(magnitude | ((bits & 0x8000u) << 16));
  }
}

using ByteTable = std::array<float, 256>;

void ConvertBytes(const ByteTable& table, const std::byte* __restrict src, int64_t elements,
                  float* __restrict dst) {
  for (int64_t i = 0; i < elements; ++i) dst[i] = table[static_cast<uint8_t>(src[i])];
}

// float8_e4m3fn: bias 7, no infinities, 0x7f and 0xff are NaN.
const ByteTable& F8E4M3Table() {
  static const ByteTable table = [] {
    ByteTable made{};
    for (uint32_t bits = 0; bits < 256; ++bits) {
      const uint32_t exponent = (bits >> 3) & 15;
      const auto mantissa = static_cast<float>(bits & 7);
      float value = exponent == 0
                        ? mantissa * 0x1p-9f
                        : (8.0f + mantissa) * std::bit_cast<float>((exponent + 117u) << 23);
      if ((bits & 0x7f) == 0x7f) value = std::bit_cast<float>(0x7fc00000u);
      made[bits] = (bits & 0x80) != 0 ? -value : value;
    }
    return made;
  }();
  return table;
}

// float8_e5m2 is the upper half of an f16.
const ByteTable& F8E5M2Table() {
  static const ByteTable table = [] {
    ByteTable made{};
    for (uint32_t bits = 0; bits < 256; ++bits) {
      made[bits] = F16ToF32(static_cast<uint16_t>(bits << 8));
    }
    return made;
  }();
  return table;
}

void ConvertBool(const std::byte* src, int64_t elements, float* dst) {
  for (int64_t i = 0; i < elements; ++i) dst[i] = src[i] != std::byte{0} ? 1.0f : 0.0f;
}

}  // namespace

bool ConvertsToF32(DType) {
  return true;
}

void ConvertToF32(DType dtype, const std::byte* src, int64_t elements, float* dst) {
  if (elements == 0) return;
  switch (dtype) {
    case DType::kF64: return ConvertNumbers<double>(src, elements, dst);
    case DType::kF32: std::memcpy(dst, src, static_cast<size_t>(elements) * sizeof(float)); return;
    case DType::kF16: return ConvertF16(src, elements, dst);
    case DType::kBF16: return ConvertBF16(src, elements, dst);
    case DType::kI64: return ConvertNumbers<int64_t>(src, elements, dst);
    case DType::kI32: return ConvertNumbers<int32_t>(src, elements, dst);
    case DType::kI16: return ConvertNumbers<int16_t>(src, elements, dst);
    case DType::kI8: return ConvertNumbers<int8_t>(src, elements, dst);
    case DType::kU64: return ConvertNumbers<uint64_t>(src, elements, dst);
    case DType::kU32: return ConvertNumbers<uint32_t>(src, elements, dst);
    case DType::kU16: return ConvertNumbers<uint16_t>(src, elements, dst);
    case DType::kU8: return ConvertNumbers<uint8_t>(src, elements, dst);
    case DType::kBool: return ConvertBool(src, elements, dst);
    case DType::kF8E4M3: return ConvertBytes(F8E4M3Table(), src, elements, dst);
    case DType::kF8E5M2: return ConvertBytes(F8E5M2Table(), src, elements, dst);
    default: return DequantizeBlocks(dtype, reinterpret_cast<const uint8_t*>(src), elements, dst);
  }
}

}  // namespace dear
