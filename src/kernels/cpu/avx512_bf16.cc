#include "kernels/cpu/inlining.h"
#include "kernels/cpu/kernel_table.h"

#if defined(__AVX512F__) && defined(__AVX512BF16__) && defined(__AVX512BW__)

#include <immintrin.h>

namespace dear::cpu {
namespace {

#include "kernels/cpu/avx512_vector.inc"

// Both rounded by the instruction, then dealt out in turn.
inline void StorePairs(uint16_t* y, F16 even, F16 odd) {
  const __m512i rounded = (__m512i)_mm512_cvtne2ps_pbh(odd, even);
  const __m512i in_turn =
      _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                       21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  _mm512_storeu_si512(y, _mm512_permutexvar_epi16(in_turn, rounded));
}

#include "kernels/cpu/unpack_body.inc"

const char* PairUnit() noexcept {
  return "bf16";
}

void RoundRow(const float* x, int64_t n, int64_t depth, uint16_t* y) noexcept {
  for (int64_t i = 0; i < depth; i += 16) {
    const int64_t left = n - i;
    const F16 v = left <= 0 ? Zero() : LoadPart(x + i, left < 16 ? left : 16);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + i), (__m256i)_mm512_cvtneps_pbh(v));
  }
}

template <int R, int C>
inline void PairTile(const PairProduct& p, int64_t row, int64_t panel) {
  const uint16_t* x = p.x + row * p.x_stride;
  const uint16_t* w = p.w + panel * p.panel_stride;
  float* y = p.y + row * p.y_stride + panel * 16;
  const int64_t last = p.outs - (panel + C - 1) * 16;  // outputs of the last panel
  const int64_t rest = last < 16 ? last : 16;
  F16 acc[R][C];
  for (int r = 0; r < R; ++r) {
    for (int c = 0; c < C; ++c) {
      const float* from = y + r * p.y_stride + c * 16;
      acc[r][c] = !p.add ? Zero() : LoadPart(from, c == C - 1 ? rest : 16);
    }
  }
  for (int64_t k = 0; k < p.depth; k += 2) {
    I16 b[C];
    for (int c = 0; c < C; ++c) b[c] = LoadInts(w + c * p.panel_stride + k * 16);
    for (int r = 0; r < R; ++r) {
      uint32_t pair;
      __builtin_memcpy(&pair, x + r * p.x_stride + k, sizeof(pair));
      const I16 a = SetInts(pair);
      for (int c = 0; c < C; ++c) {
        acc[r][c] = _mm512_dpbf16_ps(acc[r][c], (__m512bh)a, (__m512bh)b[c]);
      }
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int c = 0; c < C; ++c) {
      const int64_t count = c == C - 1 ? rest : 16;
      F16 sum = acc[r][c];
      if (p.bias != nullptr) sum = Add(sum, LoadPart(p.bias + (panel + c) * 16, count));
      StorePart(y + r * p.y_stride + c * 16, count, sum);
    }
  }
}

constexpr int kRows = 6;
constexpr int kPanels = 4;

template <int C>
void PairPanels(const PairProduct& p, int64_t panel) {
  int64_t row = 0;
  for (; row + kRows <= p.rows; row += kRows) PairTile<kRows, C>(p, row, panel);
  switch (p.rows - row) {
    case 1: return PairTile<1, C>(p, row, panel);
    case 2: return PairTile<2, C>(p, row, panel);
    case 3: return PairTile<3, C>(p, row, panel);
    case 4: return PairTile<4, C>(p, row, panel);
    case 5: return PairTile<5, C>(p, row, panel);
    default: return;
  }
}

void DotPairs(const PairProduct& p) noexcept {
  const int64_t panels = (p.outs + 15) / 16;
  int64_t panel = 0;
  for (; panel + kPanels <= panels; panel += kPanels) PairPanels<kPanels>(p, panel);
  switch (panels - panel) {
    case 1: return PairPanels<1>(p, panel);
    case 2: return PairPanels<2>(p, panel);
    case 3: return PairPanels<3>(p, panel);
    default: return;
  }
}

constexpr PairKernels kPairs = {PairUnit, RoundRow, DotPairs, UnpackCodes, InterleaveRows};

}  // namespace

const PairKernels* Avx512Bf16Pairs() {
  return &kPairs;
}

}  // namespace dear::cpu

#else

namespace dear::cpu {
const PairKernels* Avx512Bf16Pairs() {
  return nullptr;
}
}  // namespace dear::cpu

#endif
