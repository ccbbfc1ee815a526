#ifndef DEAR_FORMATS_GGML_TYPES_H_
#define DEAR_FORMATS_GGML_TYPES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "tensor/dtype.h"

namespace dear {

// The numbers by which GGUF names tensor types (ggml.h, enum ggml_type).
std::optional<DType> DTypeOfGgmlType(uint32_t type);
std::optional<uint32_t> GgmlTypeOf(DType dtype);  // nullopt for types that GGUF does not have
std::string GgmlTypeName(uint32_t type);          // "Q4_1", "IQ2_XXS"; the number where unknown

// The value types of metadata.
enum class GgufType : uint32_t {
  kU8 = 0,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64,
};

inline constexpr char kGgufMagic[4] = {'G', 'G', 'U', 'F'};
inline constexpr uint32_t kGgufDefaultAlignment = 32;

}  // namespace dear

#endif  // DEAR_FORMATS_GGML_TYPES_H_
