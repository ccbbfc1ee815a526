#include "tensor/dtype.h"

#include <array>
#include <bit>

#include "base/checked.h"

namespace dear {
namespace {

constexpr std::array kTraits = {
    DTypeTraits{"f64", 1, 8},      DTypeTraits{"f32", 1, 4},      DTypeTraits{"f16", 1, 2},
    DTypeTraits{"bf16", 1, 2},     DTypeTraits{"i64", 1, 8},      DTypeTraits{"i32", 1, 4},
    DTypeTraits{"i16", 1, 2},      DTypeTraits{"i8", 1, 1},       DTypeTraits{"u64", 1, 8},
    DTypeTraits{"u32", 1, 4},      DTypeTraits{"u16", 1, 2},      DTypeTraits{"u8", 1, 1},
    DTypeTraits{"bool", 1, 1},     DTypeTraits{"f8_e4m3", 1, 1},  DTypeTraits{"f8_e5m2", 1, 1},
    DTypeTraits{"q4_0", 32, 18},   DTypeTraits{"q4_1", 32, 20},   DTypeTraits{"q5_0", 32, 22},
    DTypeTraits{"q5_1", 32, 24},   DTypeTraits{"q8_0", 32, 34},   DTypeTraits{"q2_k", 256, 84},
    DTypeTraits{"q3_k", 256, 110}, DTypeTraits{"q4_k", 256, 144}, DTypeTraits{"q5_k", 256, 176},
    DTypeTraits{"q6_k", 256, 210}, DTypeTraits{"iq4_nl", 32, 18}, DTypeTraits{"iq4_xs", 256, 136},
};
static_assert(kTraits.size() == static_cast<size_t>(DType::kIQ4_XS) + 1);

}  // namespace

const DTypeTraits& Traits(DType dtype) {
  return kTraits[static_cast<size_t>(dtype)];
}

std::optional<uint64_t> StorageBytes(DType dtype, uint64_t elements) {
  const DTypeTraits& traits = Traits(dtype);
  const auto block = static_cast<uint64_t>(traits.block_elements);
  if (elements % block != 0) return std::nullopt;
  return CheckedMul<uint64_t>(elements / block, static_cast<uint64_t>(traits.block_bytes));
}

float F16ToF32(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1f;
  const uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0)
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  // Zero and subnormals: mantissa * 2^-24 is exact in f32.
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
}

uint16_t F32ToF16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // rounds to infinity
  if (magnitude < 0x38800000u) {
    // Subnormal: adding 0.5 lets the float unit round at bit 2^-24.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
  }
  const uint32_t odd = (magnitude >> 13) & 1u;
  return static_cast<uint16_t>(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
}

uint16_t F32ToBF16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace dear
