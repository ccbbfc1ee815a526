#include "tensor/bnb4.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "tensor/absmax.h"
#include "tensor/rounding.h"

namespace dear {
namespace {

constexpr std::array<float, 16> kNf4Code = {
    -1.0f,
    -0.6961928009986877f,
    -0.5250730514526367f,
    -0.39491748809814453f,
    -0.28444138169288635f,
    -0.18477343022823334f,
    -0.09105003625154495f,
    0.0f,
    0.07958029955625534f,
    0.16093020141124725f,
    0.24611230194568634f,
    0.33791524171829224f,
    0.44070982933044434f,
    0.5626170039176941f,
    0.7229568362236023f,
    1.0f,
};
// FP4 in units of 1/12, in the order of its bit patterns (bit 3 is the sign).
constexpr std::array<float, 8> kFp4Twelfths = {0.0f, 0.0625f, 8.0f, 12.0f, 4.0f, 6.0f, 2.0f, 3.0f};
// The FP4 patterns by value. bitsandbytes gives numbers up to zero the pattern 0 and the smallest
// ones above it 8; both mean zero.
constexpr std::array<uint8_t, 16> kFp4Order = {11, 10, 13, 12, 15, 14, 9, 0,
                                               8,  1,  6,  7,  4,  5,  2, 3};

// Below this an absmax is not divided by (the reference's clamp).
constexpr float kSmallestAbsmax = 1e-38f;

// The thresholds between the code points by value, and what two ranks among them are packed into.
struct Rounding {
  explicit Rounding(Bnb4Kind kind) {
    const std::array<float, 16> code = Bnb4Code(kind);
    std::array<uint8_t, 16> pattern{};
    for (size_t i = 0; i < 16; ++i) {
      pattern[i] = kind == Bnb4Kind::kFp4 ? kFp4Order[i] : static_cast<uint8_t>(i);
    }
    for (size_t i = 0; i < 15; ++i) bound[i] = (code[pattern[i]] + code[pattern[i + 1]]) / 2.0f;
    for (size_t i = 0; i < 256; ++i) {
      pair[i] = static_cast<uint8_t>((pattern[i >> 4] << 4) | pattern[i & 15]);
    }
  }
  std::array<float, 15> bound{};
  std::array<uint8_t, 256> pair{};
};

// Two vectors of four: the counts of eight numbers stay in registers (baseline x86-64 has these
// instructions; the compiler's own vectorisation of the plain loop is half as fast).
constexpr size_t kLanes = 8;
using Floats = float __attribute__((vector_size(16)));
using Ints = int32_t __attribute__((vector_size(16)));

// The rank of each number among the thresholds: how many lie below it. `count` is a multiple of
// kLanes.
void Rank(const std::array<float, 15>& bound, const float* __restrict scaled, size_t count,
          uint8_t* __restrict rank) {
  for (size_t i = 0; i < count; i += kLanes) {
    Floats x;
    Floats y;
    std::memcpy(&x, scaled + i, sizeof(x));
    std::memcpy(&y, scaled + i + 4, sizeof(y));
    Ints below_x{};
    Ints below_y{};
    for (const float threshold : bound) {
      const Floats thresholds = {threshold, threshold, threshold, threshold};
      below_x -= x > thresholds;  // a comparison that holds gives -1
      below_y -= y > thresholds;
    }
    for (int k = 0; k < 4; ++k) {
      rank[i + static_cast<size_t>(k)] = static_cast<uint8_t>(below_x[k]);
      rank[i + static_cast<size_t>(k) + 4] = static_cast<uint8_t>(below_y[k]);
    }
  }
}

}  // namespace

int64_t Bnb4Weight::elements() const {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return count;
}

std::array<float, 16> Bnb4Code(Bnb4Kind kind) {
  if (kind == Bnb4Kind::kNf4) return kNf4Code;
  std::array<float, 16> code{};
  for (size_t i = 0; i < 8; ++i) {
    code[i] = kFp4Twelfths[i] / 12.0f;
    code[i + 8] = i == 0 ? 0.0f : -code[i];
  }
  return code;
}

Bnb4Quantized QuantizeBnb4(Bnb4Kind kind, std::span<const float> values, int64_t block_size) {
  if (block_size < 2 || block_size % 2 != 0) {
    throw Error(ErrorCode::kInvalidArgument, "4-bit quantisation",
                "block size " + std::to_string(block_size) + " is not even and positive");
  }
  const Rounding rounding(kind);
  const auto block = static_cast<size_t>(block_size);
  Bnb4Quantized out;
  out.packed.resize((values.size() + 1) / 2);
  out.absmax.reserve((values.size() + block - 1) / block);

  const size_t room = (block + kLanes - 1) / kLanes * kLanes;
  std::vector<float> scaled(room);
  std::vector<uint8_t> rank(room);
  for (size_t begin = 0; begin < values.size(); begin += block) {
    const auto part = values.subspan(begin, std::min(block, values.size() - begin));
    float absmax = AbsMax(part);
    if (!std::isfinite(absmax)) {
      throw Error(ErrorCode::kInvalidFormat, "weight",
                  "holds NaN or infinity, which has no 4-bit form");
    }
    if (part.size() == block) {
      const float inverse = 1.0f / std::max(absmax, kSmallestAbsmax);
      for (size_t i = 0; i < block; ++i) scaled[i] = std::clamp(part[i] * inverse, -1.0f, 1.0f);
    } else {
      // The reference treats a last, partial block apart: it divides, and stores the clamped
      // absmax.
      absmax = std::max(absmax, kSmallestAbsmax);
      std::fill(scaled.begin(), scaled.end(), 0.0f);  // an odd count is padded with a zero
      for (size_t i = 0; i < part.size(); ++i)
        scaled[i] = std::clamp(part[i] / absmax, -1.0f, 1.0f);
    }
    out.absmax.push_back(absmax);
    const size_t padded = (part.size() + 1) / 2 * 2;
    Rank(rounding.bound, scaled.data(), room, rank.data());
    uint8_t* packed = reinterpret_cast<uint8_t*>(out.packed.data()) + begin / 2;
    for (size_t i = 0; i < padded / 2; ++i) {
      packed[i] = rounding.pair[static_cast<uint8_t>((rank[2 * i] << 4) | rank[2 * i + 1])];
    }
  }
  return out;
}

void DequantizeBnb4(const Bnb4Weight& weight, int64_t begin, int64_t count, float* dst) {
  const auto* packed = reinterpret_cast<const uint8_t*>(weight.packed.data());
  int64_t at = begin;
  const int64_t end = begin + count;
  while (at < end) {
    const int64_t block = at / weight.block_size;
    const int64_t stop = std::min(end, (block + 1) * weight.block_size);
    // Sixteen values stand for all of the block: they are scaled and rounded once.
    float level[16];
    const float absmax = weight.absmax[static_cast<size_t>(block)];
    for (size_t i = 0; i < 16; ++i) level[i] = weight.code[i] * absmax;
    RoundThrough(weight.rounding, level, 16);
    if (at % 2 != 0) {
      *dst++ = level[packed[at / 2] & 15];
      ++at;
    }
    for (; at + 1 < stop; at += 2) {
      const uint8_t pair = packed[at / 2];
      dst[0] = level[pair >> 4];
      dst[1] = level[pair & 15];
      dst += 2;
    }
    if (at < stop) {
      *dst++ = level[packed[at / 2] >> 4];
      ++at;
    }
  }
}

}  // namespace dear
