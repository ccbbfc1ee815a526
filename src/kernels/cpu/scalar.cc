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

inline F4 Load4(const float* p) {
  F4 v;
  __builtin_memcpy(&v, p, sizeof(v));
  return v;
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

#include "kernels/cpu/kernel_body.inc"

constexpr KernelTable kTable = {"scalar", VectorBits, DotRows, RmsNorm,
                                Gate,     ScoreKeys,  Softmax, WeighValues};

}  // namespace

const KernelTable& ScalarKernels() {
  return kTable;
}

}  // namespace dear::cpu
