#ifndef DEAR_TENSOR_DEQUANTIZE_H_
#define DEAR_TENSOR_DEQUANTIZE_H_

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace dear {

// True for the types that ConvertToF32 takes: every float type, 8-bit floats, integers, and all
// GGUF block types.
bool ConvertsToF32(DType dtype);

// Widens `elements` numbers (whole blocks) at `src` (any alignment) to f32. For the GGUF block
// types the values equal those of gguf-py's quants.dequantize bit for bit.
void ConvertToF32(DType dtype, const std::byte* src, int64_t elements, float* dst);

}  // namespace dear

#endif  // DEAR_TENSOR_DEQUANTIZE_H_
