#include "kernels/cpu/inlining.h"
#include "kernels/cpu/kernel_table.h"

#if defined(__AVX512F__)

#include <immintrin.h>

namespace dear::cpu {
namespace {

#include "kernels/cpu/avx512_vector.inc"
// bf16 of f32 numbers in the upper halves of the lanes, ties to even; NaN stays NaN.
inline I16 RoundUpper(F16 v) {
  const __m512i bits = _mm512_castps_si512(v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
  return _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x00400000));
}
inline void StorePairs(uint16_t* y, F16 even, F16 odd) {
  const I16 pairs =
      _mm512_or_si512(ShiftRight<16>(RoundUpper(even)), And(RoundUpper(odd), 0xffff0000u));
  _mm512_storeu_si512(y, pairs);
}
inline void RoundPart(uint16_t* y, const float* x, int64_t n) {
  const __m256i rounded = _mm512_cvtepi32_epi16(ShiftRight<16>(RoundUpper(LoadPart(x, n))));
  if (n == 16) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), rounded);
    return;
  }
  uint16_t numbers[16];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(numbers), rounded);
  for (int64_t i = 0; i < n; ++i) y[i] = numbers[i];
}

inline F16 SetHalf(uint16_t bits) {
  return _mm512_cvtph_ps(_mm256_set1_epi16(static_cast<int16_t>(bits)));
}
inline F16 FromBytes(__m128i bytes) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
}
inline F16 FromSignedBytes(__m128i bytes) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}
inline F16 FromBF16(const void* p) {
  const __m256i numbers = _mm256_loadu_si256(static_cast<const __m256i*>(p));
  return AsFloats(ShiftLeft<16>(_mm512_cvtepu16_epi32(numbers)));
}

#include "kernels/cpu/kernel_body.inc"
#include "kernels/cpu/packed_body.inc"
#include "kernels/cpu/widen_body.inc"

// Stands on kernel_body.inc.
#include "kernels/cpu/gradient_body.inc"

constexpr KernelTable kTable = {
    .name = "avx512",
    .vector_bits = VectorBits,
    .dot_rows = DotRows,
    .add_few_inputs = AddFewInputs,
    .rms_norm = RmsNorm,
    .gate = Gate,
    .score_keys = ScoreKeys,
    .softmax = Softmax,
    .weigh_values = WeighValues,
    .add_outer = AddOuter,
    .rms_norm_gradient = RmsNormGradient,
    .gate_gradient = GateGradient,
    .softmax_gradient = SoftmaxGradient,
    .pairs = {PairUnit, RoundRow, DotPairs, UnpackCodes, InterleaveRows},
    .bytes = {},  // AVX2's: bytes need more than AVX-512F
    .widen = Widen,
};

}  // namespace

const KernelTable* Avx512Kernels() {
  return &kTable;
}

}  // namespace dear::cpu

#else

namespace dear::cpu {
const KernelTable* Avx512Kernels() {
  return nullptr;
}
}  // namespace dear::cpu

#endif
