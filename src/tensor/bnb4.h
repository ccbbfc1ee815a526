#ifndef DEAR_TENSOR_BNB4_H_
#define DEAR_TENSOR_BNB4_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tensor/dtype.h"

namespace dear {

enum class Bnb4Kind { kNf4, kFp4 };

// A weight in the 4-bit form of bitsandbytes (functional.quantize_4bit): blocks of `block_size`
// along the flat row-major weight, the even element in the high nibble, value = code[q] * absmax.
// Values are rounded to `rounding` (the type that the weight had), as dequantize_4bit does.
struct Bnb4Weight {
  Bnb4Kind kind = Bnb4Kind::kNf4;
  int64_t block_size = 64;
  DType rounding = DType::kBF16;  // kF32, kF16 or kBF16
  std::vector<int64_t> shape;
  std::span<const std::byte> packed;  // ceil(elements / 2) bytes; owned by whoever made this
  std::vector<float> absmax;          // one a block, double quantisation already undone
  std::array<float, 16> code{};

  int64_t elements() const;
};

std::array<float, 16> Bnb4Code(Bnb4Kind kind);

// The double quantisation of absmax: 8-bit blocks of 256 with the signed dynamic map.
struct Bnb4NestedAbsmax {
  std::vector<uint8_t> quantized;  // one a block of the weight
  std::vector<float> absmax;       // one a block of `block_size` of those
  std::array<float, 256> code{};
  float offset = 0;
  int64_t block_size = 256;
};

std::array<float, 256> Bnb8SignedDynamicMap();

struct Bnb4Quantized {
  std::vector<std::byte> packed;
  std::vector<float> absmax;  // as written when there is no double quantisation
};

// quantize_4bit of `values`; bit for bit what bitsandbytes' CPU path gives.
Bnb4Quantized QuantizeBnb4(Bnb4Kind kind, std::span<const float> values, int64_t block_size);
Bnb4NestedAbsmax NestAbsmax(std::span<const float> absmax);
std::vector<float> UnnestAbsmax(const Bnb4NestedAbsmax& nested);

// Elements [begin, begin + count) of the flat weight.
void DequantizeBnb4(const Bnb4Weight& weight, int64_t begin, int64_t count, float* dst);

}  // namespace dear

#endif  // DEAR_TENSOR_BNB4_H_
