#include "kernels/cpu/inlining.h"
#include "kernels/cpu/kernel_table.h"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)

#include <immintrin.h>

namespace dear::cpu {
namespace {

#include "kernels/cpu/avx2_vector.inc"

#include "kernels/cpu/kernel_body.inc"
#include "kernels/cpu/packed_body.inc"
#include "kernels/cpu/widen_body.inc"

// Stands on kernel_body.inc.
#include "kernels/cpu/gradient_body.inc"

const char* ByteUnit() noexcept {
  return "maddubs";
}

// Products of a byte without and one with a sign do not fit 16 bits two by two; those of the
// magnitude of byte - 128 with x under its sign do.
constexpr int32_t kByteBias = 128;
constexpr int kByteRows = 2;
constexpr int kBytePanels = 1;
constexpr bool kSumsPairs = true;
constexpr int kPairedRows = 3;

// By name: g++ would turn a chain of sums into a tree of products, all of them in memory.
inline __m256i AddWords(__m256i sum, __m256i words) {
  __asm__("vpaddw %1, %0, %0" : "+x"(sum) : "x"(words));
  return sum;
}
inline __m256i AddDoubleWords(__m256i sum, __m256i words) {
  __asm__("vpaddd %1, %0, %0" : "+x"(sum) : "x"(words));
  return sum;
}

inline __m256i DotBytes8(__m256i sum, __m256i w, __m256i x) {
  const __m256i weight = _mm256_xor_si256(w, _mm256_set1_epi8(-128));
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(weight), _mm256_sign_epi8(x, weight));
  return AddDoubleWords(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
inline I16 DotBytes(I16 sum, I16 w, I16 x) {
  return {DotBytes8(sum.low, w.low, x.low), DotBytes8(sum.high, w.high, x.high)};
}

inline I16 AddPairs(I16 pairs, I16 w, I16 x) {
  return {AddWords(pairs.low, _mm256_maddubs_epi16(w.low, x.low)),
          AddWords(pairs.high, _mm256_maddubs_epi16(w.high, x.high))};
}
inline I16 SumPairs(I16 sum, I16 pairs) {
  const __m256i one = _mm256_set1_epi16(1);
  return {_mm256_add_epi32(sum.low, _mm256_madd_epi16(pairs.low, one)),
          _mm256_add_epi32(sum.high, _mm256_madd_epi16(pairs.high, one))};
}

#include "kernels/cpu/bytes_body.inc"

constexpr KernelTable kTable = {
    .name = "avx2",
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
    .bytes = {ByteUnit, QuantizeRow, DotByteRows, UnpackBytes},
    .widen = Widen,
};

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
