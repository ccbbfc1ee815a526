#include "kernels/cpu/inlining.h"
#include "kernels/cpu/kernel_table.h"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__) && defined(__AVXVNNI__)

#include <immintrin.h>

namespace dear::cpu {
namespace {

#include "kernels/cpu/avx2_vector.inc"

const char* ByteUnit() noexcept {
  return "vnni256";
}

constexpr int32_t kByteBias = 0;
constexpr int kByteRows = 3;
constexpr int kBytePanels = 1;
constexpr bool kSumsPairs = false;
constexpr int kPairedRows = 0;

inline I16 DotBytes(I16 sum, I16 w, I16 x) {
  return {_mm256_dpbusd_avx_epi32(sum.low, w.low, x.low),
          _mm256_dpbusd_avx_epi32(sum.high, w.high, x.high)};
}

#include "kernels/cpu/bytes_body.inc"

constexpr ByteKernels kBytes = {ByteUnit, QuantizeRow, DotByteRows, UnpackBytes};

}  // namespace

const ByteKernels* AvxVnniBytes() {
  return &kBytes;
}

}  // namespace dear::cpu

#else

namespace dear::cpu {
const ByteKernels* AvxVnniBytes() {
  return nullptr;
}
}  // namespace dear::cpu

#endif
