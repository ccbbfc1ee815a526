#include "kernels/cpu/kernel_table.h"

#if defined(__AVX512F__)

#include <immintrin.h>

namespace dear::cpu {
namespace {

using F16 = __m512;
constexpr int kVectorBits = 512;
constexpr int kRowTile = 6;
constexpr int kOutTile = 4;
constexpr int kScoreTile = 6;
constexpr int kValueTile = 8;

inline __mmask16 FirstLanes(int64_t n) {
  return static_cast<__mmask16>((1u << n) - 1u);
}

inline F16 Zero() {
  return _mm512_setzero_ps();
}
inline F16 Set1(float v) {
  return _mm512_set1_ps(v);
}
inline F16 Load(const float* p) {
  return _mm512_loadu_ps(p);
}
inline F16 LoadPart(const float* p, int64_t n) {
  return _mm512_maskz_loadu_ps(FirstLanes(n), p);
}
inline void Store(float* p, F16 v) {
  _mm512_storeu_ps(p, v);
}
inline void StorePart(float* p, int64_t n, F16 v) {
  _mm512_mask_storeu_ps(p, FirstLanes(n), v);
}
inline F16 Add(F16 a, F16 b) {
  return _mm512_add_ps(a, b);
}
inline F16 Sub(F16 a, F16 b) {
  return _mm512_sub_ps(a, b);
}
inline F16 Mul(F16 a, F16 b) {
  return _mm512_mul_ps(a, b);
}
inline F16 Div(F16 a, F16 b) {
  return _mm512_div_ps(a, b);
}
inline F16 Max(F16 a, F16 b) {
  return _mm512_max_ps(a, b);
}
inline F16 Min(F16 a, F16 b) {
  return _mm512_min_ps(a, b);
}
inline F16 MulAdd(F16 a, F16 b, F16 c) {
  return _mm512_fmadd_ps(a, b, c);
}
inline F16 Round(F16 v) {
  return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline F16 PowerOfTwo(F16 n) {
  const __m512i exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
  return _mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23));
}
inline F16 ZeroWhereLess(F16 x, F16 limit, F16 v) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, limit, _CMP_NLT_UQ), v);
}
inline void Quarter(F16 v, float* q) {
  const __m256 low = _mm512_castps512_ps256(v);
  const __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));
  const __m256 half = _mm256_add_ps(low, high);
  _mm_storeu_ps(q, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
}

#include "kernels/cpu/kernel_body.inc"

constexpr KernelTable kTable = {"avx512", VectorBits, DotRows, RmsNorm,
                                Gate,     ScoreKeys,  Softmax, WeighValues};

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
