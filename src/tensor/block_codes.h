#ifndef DEAR_TENSOR_BLOCK_CODES_H_
#define DEAR_TENSOR_BLOCK_CODES_H_

#include <cstdint>
#include <optional>

#include "tensor/dtype.h"
#include "tensor/matrix.h"

namespace dear {

// The codes of a GGUF block type; nullopt for other types and for those whose codes are narrower
// than four bits.
std::optional<CodedForm> BlockCodesOf(DType dtype);

// Codes, scales and minima of `elements` numbers (whole blocks) at `src`, as Matrix::CopyCodes
// gives them. Scale and minimum are those of DequantizeBlocks, so that the values are its values.
void CopyBlockCodes(DType dtype, const uint8_t* src, int64_t elements, uint8_t* codes,
                    float* scales, float* minima);

}  // namespace dear

#endif  // DEAR_TENSOR_BLOCK_CODES_H_
