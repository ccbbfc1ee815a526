#include "tensor/block_codes.h"

#include "base/error.h"
#include "tensor/ggml_blocks.h"

namespace dear {
namespace {

// Where a block's codes, scales and minima go.
struct Out {
  uint8_t* codes;
  float* scales;
  float* minima;
};

void SplitNibbles(const uint8_t* q, int count, uint8_t* codes) {
  for (int i = 0; i < count; ++i) {
    codes[i] = q[i] & 15;
    codes[i + count] = q[i] >> 4;
  }
}

// q4_0 and iq4_nl: scale, sixteen bytes.
void CodesNibbles(const uint8_t* src, const Out& out) {
  out.scales[0] = LoadF16(src);
  SplitNibbles(src + 2, 16, out.codes);
}

void CodesQ4_1(const uint8_t* src, const Out& out) {
  out.scales[0] = LoadF16(src);
  out.minima[0] = LoadF16(src + 2);
  SplitNibbles(src + 4, 16, out.codes);
}

// The fifth bits of q5_0 and q5_1 (a 32-bit number), and their nibbles behind it.
void FiveBits(const uint8_t* src, int bias, uint8_t* codes) {
  const uint32_t high = LoadU16(src) | (static_cast<uint32_t>(LoadU16(src + 2)) << 16);
  SplitNibbles(src + 4, 16, codes);
  for (int i = 0; i < 32; ++i) {
    const int value = codes[i] | static_cast<int>(((high >> i) & 1u) << 4);
    codes[i] = static_cast<uint8_t>(value - bias);
  }
}

void CodesQ5_0(const uint8_t* src, const Out& out) {
  out.scales[0] = LoadF16(src);
  FiveBits(src + 2, 16, out.codes);
}

void CodesQ5_1(const uint8_t* src, const Out& out) {
  out.scales[0] = LoadF16(src);
  out.minima[0] = LoadF16(src + 2);
  FiveBits(src + 4, 0, out.codes);
}

void CodesQ8_0(const uint8_t* src, const Out& out) {
  out.scales[0] = LoadF16(src);
  for (int i = 0; i < 32; ++i) out.codes[i] = src[2 + i];
}

void KScales(const uint8_t* src, const Out& out) {
  const ScalesAndMinima sub(src + 4, LoadF16(src), LoadF16(src + 2));
  for (int i = 0; i < 8; ++i) {
    out.scales[i] = sub.scale[i];
    out.minima[i] = -sub.minimum[i];
  }
}

void CodesQ4_K(const uint8_t* src, const Out& out) {
  KScales(src, out);
  for (int pair = 0; pair < 4; ++pair) {
    SplitNibbles(src + 16 + 32 * pair, 32, out.codes + 64 * pair);
  }
}

void CodesQ5_K(const uint8_t* src, const Out& out) {
  KScales(src, out);
  const uint8_t* high = src + 16;
  for (int pair = 0; pair < 4; ++pair) {
    uint8_t* codes = out.codes + 64 * pair;
    SplitNibbles(src + 48 + 32 * pair, 32, codes);
    for (int i = 0; i < 64; ++i) {
      const int bit = (high[i % 32] >> (2 * pair + i / 32)) & 1;
      codes[i] = static_cast<uint8_t>(codes[i] | (bit << 4));
    }
  }
}

void CodesQ6_K(const uint8_t* src, const Out& out) {
  const float d = LoadF16(src + 208);
  for (int sub = 0; sub < 16; ++sub) {
    out.scales[sub] = d * static_cast<float>(static_cast<int8_t>(src[192 + sub]));
    const int in_half = sub % 8;
    const uint8_t* low = src + 64 * (sub / 8) + 16 * (in_half % 4);
    const uint8_t* high = src + 128 + 32 * (sub / 8) + 16 * (sub % 2);
    for (int i = 0; i < 16; ++i) {
      const int value =
          ((low[i] >> (in_half < 4 ? 0 : 4)) & 15) | (((high[i] >> (2 * (in_half / 2))) & 3) << 4);
      out.codes[16 * sub + i] = static_cast<uint8_t>(value - 32);
    }
  }
}

void CodesIQ4_XS(const uint8_t* src, const Out& out) {
  const float d = LoadF16(src);
  const int high_scales = LoadU16(src + 2);
  for (int sub = 0; sub < 8; ++sub) {
    const int low4 = (src[4 + sub / 2] >> (4 * (sub % 2))) & 15;
    const int high2 = (high_scales >> (2 * sub)) & 3;
    out.scales[sub] = d * static_cast<float>((low4 | (high2 << 4)) - 32);
    SplitNibbles(src + 8 + 16 * sub, 16, out.codes + 32 * sub);
  }
}

using BlockFn = void (*)(const uint8_t* src, const Out& out);

BlockFn FunctionOf(DType dtype) {
  switch (dtype) {
    case DType::kQ4_0:
    case DType::kIQ4_NL: return CodesNibbles;
    case DType::kQ4_1: return CodesQ4_1;
    case DType::kQ5_0: return CodesQ5_0;
    case DType::kQ5_1: return CodesQ5_1;
    case DType::kQ8_0: return CodesQ8_0;
    case DType::kQ4_K: return CodesQ4_K;
    case DType::kQ5_K: return CodesQ5_K;
    case DType::kQ6_K: return CodesQ6_K;
    case DType::kIQ4_XS: return CodesIQ4_XS;
    default: return nullptr;
  }
}

}  // namespace

std::optional<CodedForm> BlockCodesOf(DType dtype) {
  CodedForm form;
  const auto levels = [&form](auto level) {
    for (int i = 0; i < 16; ++i) form.levels[static_cast<size_t>(i)] = static_cast<float>(level(i));
  };
  levels([](int i) { return i; });
  const auto with = [&form](int bits, int64_t block, bool has_minimum, bool half_scales) {
    form.bits = bits;
    form.block = block;
    form.has_minimum = has_minimum;
    form.half_scales = half_scales;
    return form;
  };
  switch (dtype) {
    case DType::kQ4_0: levels([](int i) { return i - 8; }); return with(4, 32, false, true);
    case DType::kQ4_1: return with(4, 32, true, true);
    case DType::kQ4_K: return with(4, 32, true, false);
    case DType::kIQ4_NL:
      levels([](int i) { return kIq4Levels[i]; });
      return with(4, 32, false, true);
    case DType::kIQ4_XS:
      levels([](int i) { return kIq4Levels[i]; });
      return with(4, 32, false, false);
    case DType::kQ5_0:
    case DType::kQ8_0: return with(8, 32, false, true);
    case DType::kQ5_1: return with(8, 32, true, true);
    case DType::kQ5_K: return with(8, 32, true, false);
    case DType::kQ6_K: return with(8, 16, false, false);
    default: return std::nullopt;
  }
}

void CopyBlockCodes(DType dtype, const uint8_t* src, int64_t elements, uint8_t* codes,
                    float* scales, float* minima) {
  const BlockFn block = FunctionOf(dtype);
  if (block == nullptr) {
    throw Error(ErrorCode::kInternal, std::string(DTypeName(dtype)), "has no codes");
  }
  const DTypeTraits& traits = Traits(dtype);
  const int64_t scales_per_block = traits.block_elements / BlockCodesOf(dtype)->block;
  Out out{.codes = codes, .scales = scales, .minima = minima};
  for (int64_t i = 0; i < elements; i += traits.block_elements) {
    block(src, out);
    src += traits.block_bytes;
    out.codes += traits.block_elements;
    out.scales += scales_per_block;
    if (out.minima != nullptr) out.minima += scales_per_block;
  }
}

}  // namespace dear
