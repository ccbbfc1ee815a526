// GGUF blocks of 256 numbers in sub-blocks of 16 or 32 whose scales are themselves quantised.
// `n` below is the number of an element in its block.
#include "base/error.h"
#include "tensor/ggml_blocks.h"

namespace dear {
namespace {

// scales[16] (low nibble: scale, high nibble: minimum of 16 elements), quants[64], d, dmin.
// Element n has bits 2*((n%128)/32) of byte 32*(n/128) + n%32.
void BlockQ2_K(const uint8_t* __restrict src, float* __restrict dst) {
  const uint8_t* scales = src;
  const uint8_t* quants = src + 16;
  const float d = LoadF16(src + 80);
  const float dmin = LoadF16(src + 82);
  for (int sub = 0; sub < 16; ++sub) {
    const float scale = d * static_cast<float>(scales[sub] & 15);
    const float minimum = dmin * static_cast<float>(scales[sub] >> 4);
    const uint8_t* q = quants + 32 * (sub / 8) + 16 * (sub % 2);
    const int shift = 2 * ((sub % 8) / 2);
    for (int i = 0; i < 16; ++i) {
      dst[16 * sub + i] = scale * static_cast<float>((q[i] >> shift) & 3) - minimum;
    }
  }
}

// high[32] (bit n/32 of byte n%32; 0 means subtract 4), quants[64] as in q2_k, scales[12] of six
// bits with a bias of 32, d.
void BlockQ3_K(const uint8_t* __restrict src, float* __restrict dst) {
  const uint8_t* high = src;
  const uint8_t* quants = src + 32;
  const uint8_t* scales = src + 96;
  const float d = LoadF16(src + 108);
  for (int sub = 0; sub < 16; ++sub) {
    const int low4 = sub < 8 ? scales[sub] & 15 : scales[sub - 8] >> 4;
    const int high2 = (scales[8 + sub % 4] >> (2 * (sub / 4))) & 3;
    const float scale = d * static_cast<float>((low4 | (high2 << 4)) - 32);
    const uint8_t* q = quants + 32 * (sub / 8) + 16 * (sub % 2);
    const uint8_t* h = high + 16 * (sub % 2);
    const int shift = 2 * ((sub % 8) / 2);
    const int bit = sub / 2;
    for (int i = 0; i < 16; ++i) {
      const int value = ((q[i] >> shift) & 3) + (((h[i] >> bit) & 1) << 2) - 4;
      dst[16 * sub + i] = scale * static_cast<float>(value);
    }
  }
}

// d, dmin, scales[12], quants[128]: byte 32*(n/64) + n%32, low nibble for even n/32.
void BlockQ4_K(const uint8_t* __restrict src, float* __restrict dst) {
  const ScalesAndMinima sub(src + 4, LoadF16(src), LoadF16(src + 2));
  const uint8_t* q = src + 16;
  for (int pair = 0; pair < 4; ++pair) {
    const float scale0 = sub.scale[2 * pair];
    const float scale1 = sub.scale[2 * pair + 1];
    const float minimum0 = sub.minimum[2 * pair];
    const float minimum1 = sub.minimum[2 * pair + 1];
    for (int i = 0; i < 32; ++i) {
      dst[64 * pair + i] = scale0 * static_cast<float>(q[32 * pair + i] & 15) - minimum0;
      dst[64 * pair + 32 + i] = scale1 * static_cast<float>(q[32 * pair + i] >> 4) - minimum1;
    }
  }
}

// As q4_k with high[32] before the quants: bit n/32 of byte n%32 is the fifth bit.
void BlockQ5_K(const uint8_t* __restrict src, float* __restrict dst) {
  const ScalesAndMinima sub(src + 4, LoadF16(src), LoadF16(src + 2));
  const uint8_t* high = src + 16;
  const uint8_t* q = src + 48;
  for (int pair = 0; pair < 4; ++pair) {
    for (int i = 0; i < 32; ++i) {
      const int low0 = q[32 * pair + i] & 15;
      const int low1 = q[32 * pair + i] >> 4;
      const int value0 = low0 | (((high[i] >> (2 * pair)) & 1) << 4);
      const int value1 = low1 | (((high[i] >> (2 * pair + 1)) & 1) << 4);
      dst[64 * pair + i] = sub.scale[2 * pair] * static_cast<float>(value0) - sub.minimum[2 * pair];
      dst[64 * pair + 32 + i] =
          sub.scale[2 * pair + 1] * static_cast<float>(value1) - sub.minimum[2 * pair + 1];
    }
  }
}

// low[128] (byte 64*(n/128) + n%64, low nibble where n%128 < 64), high[64] (bits 2*((n%128)/32) of
// byte 32*(n/128) + n%32), scales[16] signed, d. Bias 32.
void BlockQ6_K(const uint8_t* __restrict src, float* __restrict dst) {
  const float d = LoadF16(src + 208);
  float scale[16];
  for (int i = 0; i < 16; ++i) scale[i] = d * static_cast<float>(static_cast<int8_t>(src[192 + i]));
  for (int sub = 0; sub < 16; ++sub) {
    const int half = sub / 8;
    const int in_half = sub % 8;
    const uint8_t* low = src + 64 * half + 16 * (in_half % 4);
    const uint8_t* high = src + 128 + 32 * half + 16 * (sub % 2);
    const int low_shift = in_half < 4 ? 0 : 4;
    const int high_shift = 2 * (in_half / 2);
    for (int i = 0; i < 16; ++i) {
      const int value = ((low[i] >> low_shift) & 15) | (((high[i] >> high_shift) & 3) << 4);
      dst[16 * sub + i] = scale[sub] * static_cast<float>(value - 32);
    }
  }
}

// d, high scales (two bits each in 16), low scales[4] (nibbles), quants[128]: sub-block n/32 as in
// iq4_nl. Scales have a bias of 32.
void BlockIQ4_XS(const uint8_t* __restrict src, float* __restrict dst) {
  const float d = LoadF16(src);
  const int high_scales = LoadU16(src + 2);
  for (int sub = 0; sub < 8; ++sub) {
    const int low4 = (src[4 + sub / 2] >> (4 * (sub % 2))) & 15;
    const int high2 = (high_scales >> (2 * sub)) & 3;
    const float scale = d * static_cast<float>((low4 | (high2 << 4)) - 32);
    float level[16];
    for (int i = 0; i < 16; ++i) level[i] = scale * static_cast<float>(kIq4Levels[i]);
    const uint8_t* q = src + 8 + 16 * sub;
    for (int i = 0; i < 16; ++i) {
      dst[32 * sub + i] = level[q[i] & 15];
      dst[32 * sub + 16 + i] = level[q[i] >> 4];
    }
  }
}

}  // namespace

void DequantizeSuperBlocks(DType dtype, const uint8_t* src, int64_t elements, float* dst) {
  switch (dtype) {
    case DType::kQ2_K: return ForEachBlock<BlockQ2_K>(dtype, src, elements, dst);
    case DType::kQ3_K: return ForEachBlock<BlockQ3_K>(dtype, src, elements, dst);
    case DType::kQ4_K: return ForEachBlock<BlockQ4_K>(dtype, src, elements, dst);
    case DType::kQ5_K: return ForEachBlock<BlockQ5_K>(dtype, src, elements, dst);
    case DType::kQ6_K: return ForEachBlock<BlockQ6_K>(dtype, src, elements, dst);
    case DType::kIQ4_XS: return ForEachBlock<BlockIQ4_XS>(dtype, src, elements, dst);
    default: throw Error(ErrorCode::kInternal, "dequantize", "not a GGUF block type");
  }
}

}  // namespace dear
