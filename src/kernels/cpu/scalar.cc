#include "kernels/cpu/kernel_table.h"

namespace dear::cpu {
namespace {

// Portable: four vectors of four, which every compiler of the family turns into the baseline's
// own (SSE2, NEON) or into plain code. A multiply and an add are two roundings here.
typedef float F4 __attribute__((vector_size(16)));
typedef int32_t I4 __attribute__((vector_size(16)));

struct F16 {
  F4 part[4];
};
constexpr int kVectorBits = 128;
constexpr int kRowTile = 2;
constexpr int kOutTile = 1;
constexpr int kScoreTile = 1;
constexpr int kValueTile = 2;
constexpr int kSumRows = 2;
constexpr int kSumVectors = 1;

inline F4 Load4(const float* p) {
  F4 v;
  __builtin_memcpy(&v, p, sizeof(v));
  return v;
}

using Register = F4;
constexpr int kRegisters = 4;
inline Register LoadRegister(const float* p) {
  return Load4(p);
}
inline Register BroadcastRegister(const float* p) {
  return F4{*p, *p, *p, *p};
}
inline Register MulAddRegister(Register a, Register b, Register c) {
  return a * b + c;
}
inline Register ZeroRegister() {
  return F4{};
}
inline F16 Join(const Register* r) {
  return {{r[0], r[1], r[2], r[3]}};
}
inline void Split(const F16& v, Register* r) {
  for (int i = 0; i < 4; ++i) r[i] = v.part[i];
}

inline F16 Set1(float v) {
  const F4 part = {v, v, v, v};
  return {{part, part, part, part}};
}
inline F16 Zero() {
  return Set1(0.0f);
}
inline F16 Load(const float* p) {
  return {{Load4(p), Load4(p + 4), Load4(p + 8), Load4(p + 12)}};
}
inline void Store(float* p, const F16& v) {
  for (int i = 0; i < 4; ++i) __builtin_memcpy(p + 4 * i, &v.part[i], sizeof(F4));
}
inline F16 LoadPart(const float* p, int64_t n) {
  if (n == 16) return Load(p);
  float lanes[16] = {};
  for (int64_t i = 0; i < n; ++i) lanes[i] = p[i];
  return Load(lanes);
}
inline void StorePart(float* p, int64_t n, const F16& v) {
  float lanes[16];
  Store(lanes, v);
  for (int64_t i = 0; i < n; ++i) p[i] = lanes[i];
}

template <class Op>
inline F16 Each(const F16& a, const F16& b, Op op) {
  F16 out;
  for (int i = 0; i < 4; ++i) out.part[i] = op(a.part[i], b.part[i]);
  return out;
}
inline F16 Add(const F16& a, const F16& b) {
  return Each(a, b, [](F4 x, F4 y) { return x + y; });
}
inline F16 Sub(const F16& a, const F16& b) {
  return Each(a, b, [](F4 x, F4 y) { return x - y; });
}
inline F16 Mul(const F16& a, const F16& b) {
  return Each(a, b, [](F4 x, F4 y) { return x * y; });
}
inline F16 Div(const F16& a, const F16& b) {
  return Each(a, b, [](F4 x, F4 y) { return x / y; });
}
// As maxps and minps: the second operand where either is NaN.
inline F16 Max(const F16& a, const F16& b) {
  return Each(a, b, [](F4 x, F4 y) { return x > y ? x : y; });
}
inline F16 Min(const F16& a, const F16& b) {
  return Each(a, b, [](F4 x, F4 y) { return x < y ? x : y; });
}
inline F16 MulAdd(const F16& a, const F16& b, const F16& c) {
  return Add(Mul(a, b), c);
}
inline F16 Round(const F16& v) {
  // Adding and taking away 1.5 * 2^23 rounds numbers below 2^22 to the nearest whole, ties to even.
  return Sub(Add(v, Set1(12582912.0f)), Set1(12582912.0f));
}
inline F16 PowerOfTwo(const F16& n) {
  F16 out;
  for (int i = 0; i < 4; ++i) {
    const I4 exponent = (__builtin_convertvector(n.part[i], I4) + 127) << 23;
    __builtin_memcpy(&out.part[i], &exponent, sizeof(F4));
  }
  return out;
}
inline F16 ZeroWhereLess(const F16& x, const F16& limit, const F16& v) {
  F16 out;
  for (int i = 0; i < 4; ++i) out.part[i] = x.part[i] < limit.part[i] ? F4{} : v.part[i];
  return out;
}
inline void Quarter(const F16& v, float* q) {
  const F4 sum = (v.part[0] + v.part[2]) + (v.part[1] + v.part[3]);
  __builtin_memcpy(q, &sum, sizeof(sum));
}
inline void SumColumns(const F16* v, const float* bias, float* y) {
  float q[4];
  Quarter(*v, q);
  const float sum = (q[0] + q[1]) + (q[2] + q[3]);
  *y = bias == nullptr ? sum : sum + *bias;
}

// Whole numbers, for codes and bf16 pairs.
typedef uint32_t U4 __attribute__((vector_size(16)));
struct I16 {
  U4 part[4];
};
constexpr int kPairRows = 2;
constexpr int kPairPanels = 1;

inline I16 LoadInts(const void* p) {
  I16 v;
  __builtin_memcpy(&v, p, sizeof(v));
  return v;
}
inline I16 SetInts(uint32_t v) {
  const U4 part = {v, v, v, v};
  return {{part, part, part, part}};
}
template <class Op>
inline I16 EachInt(const I16& a, Op op) {
  I16 out;
  for (int i = 0; i < 4; ++i) out.part[i] = op(a.part[i]);
  return out;
}
inline I16 And(const I16& a, uint32_t mask) {
  return EachInt(a, [mask](U4 x) { return x & mask; });
}
template <int kBits>
inline I16 ShiftLeft(const I16& a) {
  return EachInt(a, [](U4 x) { return x << kBits; });
}
template <int kBits>
inline I16 ShiftRight(const I16& a) {
  return EachInt(a, [](U4 x) { return x >> kBits; });
}
template <int kBits>
inline I16 ShiftRightSigned(const I16& a) {
  return EachInt(a, [](U4 x) { return (U4)((I4)x >> kBits); });
}
inline F16 AsFloats(const I16& a) {
  F16 v;
  __builtin_memcpy(&v, &a, sizeof(v));
  return v;
}
inline F16 ToFloats(const I16& a) {
  F16 v;
  for (int i = 0; i < 4; ++i) v.part[i] = __builtin_convertvector((I4)a.part[i], F4);
  return v;
}

// Scales only: they are finite, or the products with them are not.
inline float HalfToFloat(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = (bits >> 10) & 31u;
  const uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide = exponent == 31 ? 255u : exponent + 112u;
  return __builtin_bit_cast(float, sign | (wide << 23) | (mantissa << 13));
}
inline F16 LoadHalves(const void* p) {
  uint16_t halves[16];
  __builtin_memcpy(halves, p, sizeof(halves));
  float numbers[16];
  for (int i = 0; i < 16; ++i) numbers[i] = HalfToFloat(halves[i]);
  return Load(numbers);
}

using Levels = const float*;
inline Levels LoadLevels(const float* levels) {
  return levels;
}
inline F16 Lookup(Levels levels, const I16& codes) {
  uint32_t at[16];
  __builtin_memcpy(at, &codes, sizeof(at));
  float numbers[16];
  for (int i = 0; i < 16; ++i) numbers[i] = levels[at[i] & 15];
  return Load(numbers);
}

inline F16 FromBF16(const void* p) {
  uint16_t halves[16];
  __builtin_memcpy(halves, p, sizeof(halves));
  uint32_t bits[16];
  for (int i = 0; i < 16; ++i) bits[i] = static_cast<uint32_t>(halves[i]) << 16;
  return AsFloats(LoadInts(bits));
}

inline uint16_t RoundToBF16(float v) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, v);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
inline void RoundPart(uint16_t* y, const float* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = RoundToBF16(x[i]);
}
inline void StorePairs(uint16_t* y, const F16& even, const F16& odd) {
  float numbers[32];
  Store(numbers, even);
  Store(numbers + 16, odd);
  for (int i = 0; i < 16; ++i) {
    y[2 * i] = RoundToBF16(numbers[i]);
    y[2 * i + 1] = RoundToBF16(numbers[16 + i]);
  }
}

#include "kernels/cpu/kernel_body.inc"
#include "kernels/cpu/packed_body.inc"

// Stands on kernel_body.inc.
#include "kernels/cpu/gradient_body.inc"

const char* ByteUnit() noexcept {
  return "plain";
}

constexpr int32_t kByteBias = 0;
constexpr int kByteRows = 2;
constexpr int kBytePanels = 1;
constexpr bool kSumsPairs = false;
constexpr int kPairedRows = 0;

inline I16 DotBytes(const I16& sum, const I16& w, const I16& x) {
  int32_t sums[16];
  uint8_t weights[64];
  int8_t activations[64];
  __builtin_memcpy(sums, &sum, sizeof(sums));
  __builtin_memcpy(weights, &w, sizeof(weights));
  __builtin_memcpy(activations, &x, sizeof(activations));
  for (int i = 0; i < 64; ++i) sums[i / 4] += weights[i] * activations[i];
  return LoadInts(sums);
}
inline void StoreInts(void* p, const I16& a) {
  __builtin_memcpy(p, &a, sizeof(a));
}
inline I16 FlipTopBits(const I16& a) {
  return EachInt(a, [](U4 v) { return v ^ 0x80808080u; });
}
using ByteLevels = const uint8_t*;
inline ByteLevels LoadByteLevels(const uint8_t* levels) {
  return levels;
}
inline I16 LookupBytes(ByteLevels levels, const I16& nibbles) {
  uint8_t bytes[64];
  __builtin_memcpy(bytes, &nibbles, sizeof(bytes));
  for (uint8_t& byte : bytes) byte = levels[byte];
  return LoadInts(bytes);
}
inline I16 Magnitudes(const F16& v) {
  I16 bits;
  __builtin_memcpy(&bits, &v, sizeof(bits));
  return And(bits, 0x7fffffffu);
}
inline uint32_t LargestOf(const I16& a, const I16& b) {
  uint32_t most = 0;
  for (int i = 0; i < 16; ++i) {
    const uint32_t one = a.part[i / 4][i % 4];
    const uint32_t other = b.part[i / 4][i % 4];
    most = one > most ? one : most;
    most = other > most ? other : most;
  }
  return most;
}
inline I16 RoundToInts(const F16& v) {
  const F16 rounded = Round(v);
  I16 ints;
  for (int i = 0; i < 4; ++i) ints.part[i] = (U4) __builtin_convertvector(rounded.part[i], I4);
  return ints;
}
inline I16 AddInts(const I16& a, const I16& b) {
  I16 out;
  for (int i = 0; i < 4; ++i) out.part[i] = a.part[i] + b.part[i];
  return out;
}
inline int32_t SumOf(const I16& a) {
  const U4 sum = (a.part[0] + a.part[1]) + (a.part[2] + a.part[3]);
  return static_cast<int32_t>(sum[0] + sum[1] + sum[2] + sum[3]);
}
inline void StoreNarrow(int8_t* y, const I16& a, bool nibbles) {
  int32_t ints[16];
  __builtin_memcpy(ints, &a, sizeof(ints));
  for (int i = 0; i < 16; ++i) {
    const int from = nibbles ? i / 8 * 8 + i % 4 * 2 + i % 8 / 4 : i;
    y[i] = static_cast<int8_t>(ints[from]);
  }
}

#include "kernels/cpu/bytes_body.inc"

constexpr KernelTable kTable = {
    .name = "scalar",
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
    .widen = nullptr,
};

}  // namespace

const KernelTable& ScalarKernels() {
  return kTable;
}

}  // namespace dear::cpu
