#ifndef DEAR_TENSOR_GGML_BLOCKS_H_
#define DEAR_TENSOR_GGML_BLOCKS_H_

#include <cstdint>

#include "tensor/dtype.h"

namespace dear {

// Widens `elements` numbers (whole blocks of `dtype`, which must be a GGUF block type) at `src` to
// f32. The order of operations is that of gguf-py's quants.py, so the values have its bits.
void DequantizeBlocks(DType dtype, const uint8_t* src, int64_t elements, float* dst);

// Blocks of 256 with scales of scales (q2_k to q6_k and iq4_xs); DequantizeBlocks comes here.
void DequantizeSuperBlocks(DType dtype, const uint8_t* src, int64_t elements, float* dst);

// The sixteen levels of iq4_nl and iq4_xs.
inline constexpr int8_t kIq4Levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                          1,    13,   25,  38,  53,  69,  89,  113};

// Reads a scale. Blocks lie at any address.
inline uint16_t LoadU16(const uint8_t* src) {
  return static_cast<uint16_t>(src[0] | (src[1] << 8));
}
inline float LoadF16(const uint8_t* src) {
  return F16ToF32(LoadU16(src));
}

// The eight scales and minima of q4_k and q5_k, six bits each in twelve bytes.
struct ScalesAndMinima {
  ScalesAndMinima(const uint8_t* src, float d, float dmin) {
    for (int i = 0; i < 4; ++i) {
      scale[i] = d * static_cast<float>(src[i] & 63);
      minimum[i] = dmin * static_cast<float>(src[4 + i] & 63);
      scale[4 + i] = d * static_cast<float>((src[8 + i] & 15) | ((src[i] >> 2) & 48));
      minimum[4 + i] = dmin * static_cast<float>((src[8 + i] >> 4) | ((src[4 + i] >> 2) & 48));
    }
  }
  float scale[8];
  float minimum[8];
};

// Calls kBlock(src, dst) for each block of `dtype`.
template <void (*kBlock)(const uint8_t* __restrict, float* __restrict)>
void ForEachBlock(DType dtype, const uint8_t* src, int64_t elements, float* dst) {
  const DTypeTraits& traits = Traits(dtype);
  for (int64_t i = 0; i < elements; i += traits.block_elements) {
    kBlock(src, dst + i);
    src += traits.block_bytes;
  }
}

}  // namespace dear

#endif  // DEAR_TENSOR_GGML_BLOCKS_H_
