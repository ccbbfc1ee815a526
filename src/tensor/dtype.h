#ifndef DEAR_TENSOR_DTYPE_H_
#define DEAR_TENSOR_DTYPE_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace dear {

// How numbers are stored: the plain types of safetensors, and the block types of GGUF.
enum class DType : uint8_t {
  kF64,
  kF32,
  kF16,
  kBF16,
  kI64,
  kI32,
  kI16,
  kI8,
  kU64,
  kU32,
  kU16,
  kU8,
  kBool,
  kF8E4M3,
  kF8E5M2,
  // GGUF blocks; the number is that of bits, K means super-blocks of 256.
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kIQ4_NL,
  kIQ4_XS,
};

struct DTypeTraits {
  std::string_view name;   // "f32", "q4_1": as on the command line and in messages
  int64_t block_elements;  // elements in one block; 1 for plain types
  int64_t block_bytes;
};

const DTypeTraits& Traits(DType dtype);
inline std::string_view DTypeName(DType dtype) {
  return Traits(dtype).name;
}
inline bool IsBlockQuantized(DType dtype) {
  return Traits(dtype).block_elements > 1;
}

// Bytes of `elements` numbers; nullopt where they are no whole number of blocks or do not fit.
std::optional<uint64_t> StorageBytes(DType dtype, uint64_t elements);

// Conversions of single numbers. To a narrower type: round to nearest, ties to even; NaN stays NaN.
float F16ToF32(uint16_t bits);
uint16_t F32ToF16(float value);
inline float BF16ToF32(uint16_t bits) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16);
}
uint16_t F32ToBF16(float value);

}  // namespace dear

#endif  // DEAR_TENSOR_DTYPE_H_
