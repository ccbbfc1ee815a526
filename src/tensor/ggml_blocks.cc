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

// The fifth bits of a block, one a byte, so that the loops over elements stay simple.
struct FifthBits {
  explicit FifthBits(const uint8_t* src) {
    for (int i = 0; i < 32; ++i) bit[i] = static_cast<uint8_t>(((src[i / 8] >> (i % 8)) & 1) << 4);
  }
  uint8_t bit[32];
};

void BlockQ5_0(const uint8_t* __restrict src, float* __restrict dst) {
  const float d = LoadF16(src);
  const FifthBits high(src + 2);
  const uint8_t* q = src + 6;
  for (int i = 0; i < 16; ++i) {
    dst[i] = d * static_cast<float>(((q[i] & 15) | high.bit[i]) - 16);
    dst[i + 16] = d * static_cast<float>(((q[i] >> 4) | high.bit[i + 16]) - 16);
  }
}

void BlockQ5_1(const uint8_t* __restrict src, float* __restrict dst) {
  const float d = LoadF16(src);
  const float m = LoadF16(src + 2);
  const FifthBits high(src + 4);
  const uint8_t* q = src + 8;
  for (int i = 0; i < 16; ++i) {
    dst[i] = d * static_cast<float>((q[i] & 15) | high.bit[i]) + m;
    dst[i + 16] = d * static_cast<float>((q[i] >> 4) | high.bit[i + 16]) + m;
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
