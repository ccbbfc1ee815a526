#include "kernels/cpu/kernel_table.h"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)

#include <immintrin.h>

namespace dear::cpu {
namespace {

// Two registers make the 16 lanes of AVX-512, so that both give the same bits.
struct F16 {
  __m256 low;
  __m256 high;
};
constexpr int kVectorBits = 256;
constexpr int kRowTile = 3;
constexpr int kOutTile = 2;
constexpr int kScoreTile = 2;
constexpr int kValueTile = 4;

// All ones in the first n of 8 lanes.
inline __m256i FirstLanes(int64_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
}

inline F16 Zero() {
  return {_mm256_setzero_ps(), _mm256_setzero_ps()};
}
inline F16 Set1(float v) {
  return {_mm256_set1_ps(v), _mm256_set1_ps(v)};
}
inline F16 Load(const float* p) {
  return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
inline F16 LoadPart(const float* p, int64_t n) {
  return {_mm256_maskload_ps(p, FirstLanes(n)),
          n > 8 ? _mm256_maskload_ps(p + 8, FirstLanes(n - 8)) : _mm256_setzero_ps()};
}
inline void Store(float* p, F16 v) {
  _mm256_storeu_ps(p, v.low);
  _mm256_storeu_ps(p + 8, v.high);
}
inline void StorePart(float* p, int64_t n, F16 v) {
  _mm256_maskstore_ps(p, FirstLanes(n), v.low);
  if (n > 8) _mm256_maskstore_ps(p + 8, FirstLanes(n - 8), v.high);
}
inline F16 Add(F16 a, F16 b) {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
inline F16 Sub(F16 a, F16 b) {
  return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
inline F16 Mul(F16 a, F16 b) {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
inline F16 Div(F16 a, F16 b) {
  return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
inline F16 Max(F16 a, F16 b) {
  return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}
inline F16 Min(F16 a, F16 b) {
  return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}
inline F16 MulAdd(F16 a, F16 b, F16 c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
inline F16 Round(F16 v) {
  constexpr int kMode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(v.low, kMode), _mm256_round_ps(v.high, kMode)};
}
inline __m256 PowerOfTwo8(__m256 n) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}
inline F16 PowerOfTwo(F16 n) {
  return {PowerOfTwo8(n.low), PowerOfTwo8(n.high)};
}
inline F16 ZeroWhereLess(F16 x, F16 limit, F16 v) {
  return {_mm256_and_ps(_mm256_cmp_ps(x.low, limit.low, _CMP_NLT_UQ), v.low),
          _mm256_and_ps(_mm256_cmp_ps(x.high, limit.high, _CMP_NLT_UQ), v.high)};
}
inline __m128 Quarters(F16 v) {
  const __m256 half = _mm256_add_ps(v.low, v.high);
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}
inline void Quarter(F16 v, float* q) {
  _mm_storeu_ps(q, Quarters(v));
}
inline void SumColumns(const F16* v, const float* bias, float* y) {
  __m128 sums = _mm_hadd_ps(Quarters(v[0]), Quarters(v[1]));
  sums = _mm_hadd_ps(sums, sums);
  if (bias != nullptr) {
    sums =
        _mm_add_ps(sums, _mm_castsi128_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bias))));
  }
  _mm_storel_epi64(reinterpret_cast<__m128i*>(y), _mm_castps_si128(sums));
}

// Whole numbers, for codes and bf16 pairs.
struct I16 {
  __m256i low;
  __m256i high;
};
constexpr int kPairRows = 4;
constexpr int kPairPanels = 1;

inline I16 LoadInts(const void* p) {
  const auto* from = static_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1)};
}
inline I16 SetInts(uint32_t v) {
  const __m256i half = _mm256_set1_epi32(static_cast<int>(v));
  return {half, half};
}
inline I16 And(I16 a, uint32_t mask) {
  const __m256i half = _mm256_set1_epi32(static_cast<int>(mask));
  return {_mm256_and_si256(a.low, half), _mm256_and_si256(a.high, half)};
}
template <int kBits>
inline I16 ShiftLeft(I16 a) {
  return {_mm256_slli_epi32(a.low, kBits), _mm256_slli_epi32(a.high, kBits)};
}
template <int kBits>
inline I16 ShiftRight(I16 a) {
  return {_mm256_srli_epi32(a.low, kBits), _mm256_srli_epi32(a.high, kBits)};
}
template <int kBits>
inline I16 ShiftRightSigned(I16 a) {
  return {_mm256_srai_epi32(a.low, kBits), _mm256_srai_epi32(a.high, kBits)};
}
inline F16 AsFloats(I16 a) {
  return {_mm256_castsi256_ps(a.low), _mm256_castsi256_ps(a.high)};
}
inline F16 ToFloats(I16 a) {
  return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)};
}
inline F16 LoadHalves(const void* p) {
  const auto* from = static_cast<const __m128i*>(p);
  return {_mm256_cvtph_ps(_mm_loadu_si128(from)), _mm256_cvtph_ps(_mm_loadu_si128(from + 1))};
}

using Levels = F16;
inline Levels LoadLevels(const float* levels) {
  return Load(levels);
}
inline __m256 Lookup8(Levels levels, __m256i codes) {
  // The fourth bit of a code, moved to the sign, chooses the half of the table.
  const __m256 upper = _mm256_castsi256_ps(_mm256_slli_epi32(codes, 28));
  return _mm256_blendv_ps(_mm256_permutevar8x32_ps(levels.low, codes),
                          _mm256_permutevar8x32_ps(levels.high, codes), upper);
}
inline F16 Lookup(Levels levels, I16 codes) {
  return {Lookup8(levels, codes.low), Lookup8(levels, codes.high)};
}

// bf16 of f32 numbers in the upper halves of the lanes, ties to even; NaN stays NaN.
inline __m256i RoundUpper(__m256 v) {
  const __m256i bits = _mm256_castps_si256(v);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x00400000));
  return _mm256_blendv_epi8(rounded, quiet, _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q)));
}
inline __m256i Pairs8(__m256 even, __m256 odd) {
  const __m256i upper = _mm256_and_si256(RoundUpper(odd), _mm256_set1_epi32(-65536));
  return _mm256_or_si256(_mm256_srli_epi32(RoundUpper(even), 16), upper);
}
inline void StorePairs(uint16_t* y, F16 even, F16 odd) {
  auto* to = reinterpret_cast<__m256i*>(y);
  _mm256_storeu_si256(to, Pairs8(even.low, odd.low));
  _mm256_storeu_si256(to + 1, Pairs8(even.high, odd.high));
}
inline void RoundPart(uint16_t* y, const float* x, int64_t n) {
  const F16 v = LoadPart(x, n);
  uint32_t numbers[16];
  auto* to = reinterpret_cast<__m256i*>(numbers);
  _mm256_storeu_si256(to, _mm256_srli_epi32(RoundUpper(v.low), 16));
  _mm256_storeu_si256(to + 1, _mm256_srli_epi32(RoundUpper(v.high), 16));
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<uint16_t>(numbers[i]);
}

inline F16 SetHalf(uint16_t bits) {
  const __m256 half = _mm256_cvtph_ps(_mm_set1_epi16(static_cast<int16_t>(bits)));
  return {half, half};
}
inline F16 FromBytes(__m128i bytes) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)),
          _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)))};
}
inline F16 FromSignedBytes(__m128i bytes) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
          _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))};
}
inline F16 FromBF16(const void* p) {
  const auto* from = static_cast<const __m128i*>(p);
  const I16 numbers = {_mm256_cvtepu16_epi32(_mm_loadu_si128(from)),
                       _mm256_cvtepu16_epi32(_mm_loadu_si128(from + 1))};
  return AsFloats(ShiftLeft<16>(numbers));
}

#include "kernels/cpu/kernel_body.inc"
#include "kernels/cpu/packed_body.inc"
#include "kernels/cpu/widen_body.inc"

constexpr KernelTable kTable = {"avx2",  VectorBits,  DotRows,
                                RmsNorm, Gate,        ScoreKeys,
                                Softmax, WeighValues, {PairUnit, RoundRow, DotPairs, UnpackCodes},
                                Widen};

}  // namespace

const KernelTable* Avx2Kernels() {
  return &kTable;
}

}  // namespace dear::cpu

#else

namespace dear::cpu {
const KernelTable* Avx2Kernels() {
  return nullptr;
}
}  // namespace dear::cpu

#endif
