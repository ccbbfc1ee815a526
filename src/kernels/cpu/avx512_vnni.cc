#include "kernels/cpu/inlining.h"
#include "kernels/cpu/kernel_table.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VNNI__)

#include <immintrin.h>

namespace dear::cpu {
namespace {

#include "kernels/cpu/avx512_vector.inc"

const char* ByteUnit() noexcept {
  return "vnni512";
}

constexpr int32_t kByteBias = 0;
constexpr int kByteRows = 6;
constexpr int kBytePanels = 2;
constexpr bool kSumsPairs = false;
constexpr int kPairedRows = 0;

inline I16 DotBytes(I16 sum, I16 w, I16 x) {
  return _mm512_dpbusd_epi32(sum, w, x);
}
inline void StoreInts(void* p, I16 a) {
  _mm512_storeu_si512(p, a);
}
inline I16 FlipTopBits(I16 a) {
  return _mm512_xor_si512(a, _mm512_set1_epi8(-128));
}
using ByteLevels = __m512i;
inline ByteLevels LoadByteLevels(const uint8_t* levels) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(levels)));
}
inline I16 LookupBytes(ByteLevels levels, I16 nibbles) {
  return _mm512_shuffle_epi8(levels, nibbles);
}
inline I16 Magnitudes(F16 v) {
  return _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7fffffff));
}
inline uint32_t LargestOf(I16 a, I16 b) {
  return _mm512_reduce_max_epu32(_mm512_max_epu32(a, b));
}
inline I16 RoundToInts(F16 v) {
  return _mm512_cvtps_epi32(v);
}
inline I16 AddInts(I16 a, I16 b) {
  return _mm512_add_epi32(a, b);
}
inline int32_t SumOf(I16 a) {
  return _mm512_reduce_add_epi32(a);
}
inline void StoreNarrow(int8_t* y, I16 a, bool nibbles) {
  __m128i bytes = _mm512_cvtsepi32_epi8(a);
  const __m128i evens_first = _mm_setr_epi8(0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15);
  if (nibbles) bytes = _mm_shuffle_epi8(bytes, evens_first);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(y), bytes);
}

#include "kernels/cpu/bytes_body.inc"

constexpr ByteKernels kBytes = {ByteUnit, QuantizeRow, DotByteRows, UnpackBytes};

}  // namespace

const ByteKernels* Avx512VnniBytes() {
  return &kBytes;
}

}  // namespace dear::cpu

#else

namespace dear::cpu {
const ByteKernels* Avx512VnniBytes() {
  return nullptr;
}
}  // namespace dear::cpu

#endif
