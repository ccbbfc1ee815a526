#include "tensor/ggml_blocks.h"

namespace dear {
namespace {

// Blocks of 32: element i is the low nibble of byte i, element i + 16 its high nibble.

void BlockQ4_0(const uint8_t* __restrict src, float* __restrict dst) {
  const float d = LoadF16(src);
  const uint8_t* q = src + 2;
  for (int i = 0; i < 16; ++i) {
    dst[i] = d * static_cast<float>((q[i] & 15) - 8);
    dst[i + 16] = d * static_cast<float>((q[i] >> 4) - 8);
  }
}

void BlockQ4_1(const uint8_t* __restrict src, float* __restrict dst) {
  const float d = LoadF16(src);
  const float m = LoadF16(src + 2);
  const uint8_t* q = src + 4;
  for (int i = 0; i < 16; ++i) {
    dst[i] = d * static_cast<float>(q[i] & 15) + m;
    dst[i + 16] = d * static_cast<float>(q[i] >> 4) + m;
  }
}

// Element i's fifth bit is bit i of a 32-bit number. Masks instead of shifts by i: baseline
// x86-64 has no shift by a different count for each lane.
struct BitMasks {
  constexpr BitMasks() {
    for (int i = 0; i < 32; ++i) mask[i] = uint32_t{1} << i;
  }
  uint32_t mask[32]{};
};
constexpr BitMasks kBit;

uint32_t LoadU32(const uint8_t* src) {
  return LoadU16(src) | (static_cast<uint32_t>(LoadU16(src + 2)) << 16);
}

void BlockQ5_0(const uint8_t* __restrict src, float* __restrict dst) {
  const float d = LoadF16(src);
  const uint32_t high = LoadU32(src + 2);
  const uint8_t* q = src + 6;
  for (int i = 0; i < 16; ++i) {
    const int bias = (high & kBit.mask[i]) != 0 ? 0 : -16;
    dst[i] = d * static_cast<float>((q[i] & 15) + bias);
  }
  for (int i = 0; i < 16; ++i) {
    const int bias = (high & kBit.mask[i + 16]) != 0 ? 0 : -16;
    dst[i + 16] = d * static_cast<float>((q[i] >> 4) + bias);
  }
}

void BlockQ5_1(const uint8_t* __restrict src, float* __restrict dst) {
  const float d = LoadF16(src);
  const float m = LoadF16(src + 2);
  const uint32_t high = LoadU32(src + 4);
  const uint8_t* q = src + 8;
  for (int i = 0; i < 16; ++i) {
    const int bit = (high & kBit.mask[i]) != 0 ? 16 : 0;
    dst[i] = d * static_cast<float>((q[i] & 15) | bit) + m;
  }
  for (int i = 0; i < 16; ++i) {
    const int bit = (high & kBit.mask[i + 16]) != 0 ? 16 : 0;
    dst[i + 16] = d * static_cast<float>((q[i] >> 4) | bit) + m;
  }
}

void BlockQ8_0(const uint8_t* __restrict src, float* __restrict dst) {
  const float d = LoadF16(src);
  for (int i = 0; i < 32; ++i) {
    dst[i] = static_cast<float>(static_cast<int8_t>(src[2 + i])) * d;
  }
}

void BlockIQ4_NL(const uint8_t* __restrict src, float* __restrict dst) {
  const float d = LoadF16(src);
  float level[16];
  for (int i = 0; i < 16; ++i) level[i] = d * static_cast<float>(kIq4Levels[i]);
  const uint8_t* q = src + 2;
  for (int i = 0; i < 16; ++i) {
    dst[i] = level[q[i] & 15];
    dst[i + 16] = level[q[i] >> 4];
  }
}

}  // namespace

void DequantizeBlocks(DType dtype, const uint8_t* src, int64_t elements, float* dst) {
  switch (dtype) {
    case DType::kQ4_0: return ForEachBlock<BlockQ4_0>(dtype, src, elements, dst);
    case DType::kQ4_1: return ForEachBlock<BlockQ4_1>(dtype, src, elements, dst);
    case DType::kQ5_0: return ForEachBlock<BlockQ5_0>(dtype, src, elements, dst);
    case DType::kQ5_1: return ForEachBlock<BlockQ5_1>(dtype, src, elements, dst);
    case DType::kQ8_0: return ForEachBlock<BlockQ8_0>(dtype, src, elements, dst);
    case DType::kIQ4_NL: return ForEachBlock<BlockIQ4_NL>(dtype, src, elements, dst);
    default: return DequantizeSuperBlocks(dtype, src, elements, dst);
  }
}

}  // namespace dear
