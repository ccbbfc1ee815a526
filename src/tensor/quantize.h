#ifndef DEAR_TENSOR_QUANTIZE_H_
#define DEAR_TENSOR_QUANTIZE_H_

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace dear {

// True for the types that QuantizeFromF32 writes: f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0.
bool QuantizesFromF32(DType dtype);

// Writes `elements` numbers (whole blocks) as `dtype`. The bytes equal those of gguf-py's
// quants.quantize.
void QuantizeFromF32(DType dtype, const float* src, int64_t elements, std::byte* dst);

}  // namespace dear

#endif  // DEAR_TENSOR_QUANTIZE_H_
