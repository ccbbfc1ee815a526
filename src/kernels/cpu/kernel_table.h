#ifndef DEAR_KERNELS_CPU_KERNEL_TABLE_H_
#define DEAR_KERNELS_CPU_KERNEL_TABLE_H_

#include <stdint.h>

namespace dear::cpu {

// Keys and values of one head lie in blocks of this many positions, starting at multiples of it.
inline constexpr int64_t kKeysPerBlock = 32;
// Values are padded with zeros to a multiple of this many numbers.
inline constexpr int64_t kLanes = 16;

enum class GateKind : uint8_t { kSilu, kGeluTanh };

// Products of bf16 numbers with weights in the panels of tensor/packed_matrix.h.
//   y[r, o] = bias[o] + sum_k x[r, k] * w[o, k]
// one f32 sum for each output, in the order k = 1, 0, 3, 2, 5, 4, … (the upper number of a pair
// first), each step one fused multiply-add; with `add` the sum goes on from what y holds.
struct PairProduct {
  const uint16_t* x;  // bf16 [rows, depth] at x_stride
  int64_t rows;
  int64_t x_stride;
  const uint16_t* w;  // panels of 16 outputs at panel_stride: [depth / 2][16][2]
  int64_t panel_stride;
  int64_t depth;  // a multiple of 32
  int64_t outs;   // outputs that y has room for
  bool add;
  const float* bias;  // null: none
  float* y;           // [rows, outs] at y_stride
  int64_t y_stride;
};

// Codes of one panel to be turned into pairs, as PackedWeights describes them.
struct CodePanel {
  const uint8_t* codes;
  const void* scales;
  const void* minima;   // null: none
  const float* levels;  // [16]; null: the codes are int8
  int64_t block;        // a multiple of 16
  bool half_scales;
  int64_t first;  // inputs [first, first + depth), multiples of 32
  int64_t depth;
};

// Activations of a row are divided by one scale each 32 of them, so that the largest becomes 127;
// numbers that are all below this are taken as zeros.
inline constexpr float kSmallestActivation = 1e-30F;

// What a segment of a row brings to its sums: its inputs share one scale of the activations and one
// of the weights.
struct ByteSegment {
  float scale;    // of an activation, times the weights' unit; NaN where one is NaN or infinite
  float sum;      // of the activations
  int32_t start;  // where a sum of products starts, for it to end at sum of (byte - offset) * x
};

// A row of activations to be rounded to int8.
struct ByteRow {
  const float* x;
  int64_t n;
  int64_t depth;    // a multiple of 32; zeros from n on
  int64_t segment;  // inputs: 16 or 32
  bool nibbles;     // in the order of the nibbles of kCodes4
  int32_t offset;   // a weight is (byte - offset) * unit * scale + minimum
  float unit;
  uint8_t largest;  // of the weights' bytes: decides how they are multiplied
};

// Products of such rows with weights as bytes:
//   y[r, o] = bias[o] + sum over segments s of
//       float(sum_k (w[o, k] - offset) * x[r, k]) * (scales[o, s] * segments[r, s].scale)
//       + minima[o, s] * segments[r, s].sum
// The inner sum is exact; the outer one is one f32 sum in the order of the segments, each step one
// fused multiply-add; with `add` it goes on from what y holds.
struct ByteProduct {
  const int8_t* x;  // [rows, depth] at x_stride
  int64_t rows;
  int64_t x_stride;
  const ByteSegment* segments;  // [rows, depth / segment] at segments_stride
  int64_t segments_stride;
  const uint8_t* w;  // panels of 16 outputs at panel_stride: [depth / 4][16][4]
  int64_t panel_stride;
  const float* scales;  // [panel][depth / segment][16]
  const float* minima;  // likewise; null: none
  int64_t segment;
  uint8_t largest;  // no byte of w is above it; that of the rows
  int64_t depth;    // a multiple of 32
  int64_t outs;     // outputs that y has room for
  bool add;
  const float* bias;  // null: none
  float* y;           // [rows, outs] at y_stride
  int64_t y_stride;
};

// Inputs of a product that are so few that vectors hold outputs, not inputs.
constexpr bool FewInputs(int64_t k) {
  return k == 4 || k == 8 || k == 16;
}

// What an adapter's second factor adds:
//   y[rows[r], o] += (sum_k x[r, k] * w[o, k]) * factor
// with the bits of dot_rows, a rounded product and a rounded sum.
struct FewInputsProduct {
  const float* x;       // [num_rows, k]
  const int32_t* rows;  // of y
  int64_t num_rows;
  int64_t k;       // FewInputs(k)
  const float* w;  // panels of kLanes outputs, the last one filled up with zeros: [k][kLanes]
  int64_t outs;
  float factor;
  float* y;  // at y_stride
  int64_t y_stride;
};

// Sums of outer products, for gradients:
//   y[m, n] += sum_k a(m, k) * b[k, n], a(m, k) = a[m * a_row + k * a_step]
// one f32 sum for each output that goes on from what y holds, in the order of k, each step one
// fused multiply-add where the set fuses: cutting k into several calls changes no bit.
struct OuterSum {
  const float* a;
  int64_t a_row;
  int64_t a_step;
  const float* b;  // [k, n] at b_stride
  int64_t b_stride;
  int64_t m;
  int64_t n;
  int64_t k;
  float* y;  // [m, n] at y_stride
  int64_t y_stride;
};

// Forms of weights that kernels widen themselves; the blocks are those of GGUF.
enum class StoredForm : uint8_t { kBF16, kQ4_0, kQ4_1, kQ8_0, kQ4_K };

// The inner loops over packed weights.
struct PairKernels {
  // How pairs are multiplied, as proof from inside the file: "fma"; "bf16" by the instruction for
  // it, which takes subnormal numbers as zeros, all others giving the bits of the "fma" kernels of
  // AVX2 and AVX-512; "amx" by tiles of 32 inputs, in the processor's own order within a tile.
  const char* (*unit)() noexcept;
  // y[i] = bf16(x[i]) for i < n, zeros up to depth.
  void (*round_row)(const float* x, int64_t n, int64_t depth, uint16_t* y) noexcept;
  void (*dot)(const PairProduct& product) noexcept;
  // pairs: [depth / 2][16][2].
  void (*unpack)(const CodePanel& panel, uint16_t* pairs) noexcept;
  // A panel of 16 columns of f32 rows: pairs[i / 2][j][i % 2] = bf16(rows[i * stride + j]) for
  // i < count, zeros up to depth, which is even.
  void (*interleave)(const float* rows, int64_t stride, int64_t count, int64_t depth,
                     uint16_t* pairs) noexcept;
  // Rows that are worth a task: products that are fast pay late for turning codes into pairs.
  int64_t task_rows = 0;
  // Whether these products are so fast that attention that may round takes them too.
  bool attend = false;
};

// The inner loops over int8 activations. All that fuse multiply and add give the same bits.
struct ByteKernels {
  // What multiplies bytes, as proof from inside the file: "plain", "maddubs", "vnni256", "vnni512".
  const char* (*unit)() noexcept;
  // y int8 [depth], segments [depth / segment].
  void (*quantize_row)(const ByteRow& row, int8_t* y, ByteSegment* segments) noexcept;
  void (*dot)(const ByteProduct& product) noexcept;
  // bytes [depth / 4][16][4]: levels[code] of 4-bit codes (even inputs of 8 first), the code + 128
  // of int8; scales and minima (where the panel has them) f32 [depth / segment][16].
  void (*unpack)(const CodePanel& panel, const uint8_t* levels, int64_t segment, uint8_t* bytes,
                 float* scales, float* minima) noexcept;
};

// The inner loops of one instruction set. Every function computes a row from that row alone, in an
// order that depends on the length of the row and on nothing else; raw pointers of any alignment.
struct KernelTable {
  const char* name;  // as DEAR_ISA spells it: isa.h

  // The width in bits of the vectors that this table's file was compiled for: proof, from inside
  // the file, of which code runs.
  int (*vector_bits)() noexcept;

  // y[r, o] = sum_k x[r, k] * w[o, k] (+ bias[o] where bias is not null).
  // x [rows, k] at x_stride, w [outs, k] contiguous, y [rows, outs] at y_stride.
  void (*dot_rows)(const float* x, int64_t rows, int64_t x_stride, const float* w, int64_t outs,
                   int64_t k, const float* bias, float* y, int64_t y_stride) noexcept;

  void (*add_few_inputs)(const FewInputsProduct& product) noexcept;

  // y[i] = x[i] / sqrt(mean(x^2) + eps) * (w[i] + offset).
  void (*rms_norm)(const float* x, const float* w, float offset, int64_t n, float eps,
                   float* y) noexcept;

  // y[i] = act(gate[i]) * up[i]; y may be gate or up.
  void (*gate)(GateKind kind, const float* gate, const float* up, int64_t n, float* y) noexcept;

  // s[r, j] = scale * sum_d q[r, d] * keys[d, j] for the kKeysPerBlock keys of a block.
  // q [rows, head_dim] at q_stride, keys [head_dim, kKeysPerBlock].
  void (*score_keys)(const float* q, int64_t rows, int64_t q_stride, const float* keys,
                     int64_t head_dim, float scale, float* s, int64_t s_stride) noexcept;

  // s[j] = exp(s[j] - max) for j in [begin, end) and exact zeros in the rest of [0, n); n is a
  // multiple of kKeysPerBlock. Returns the sum.
  float (*softmax)(float* s, int64_t begin, int64_t end, int64_t n) noexcept;

  // acc[r, d] += sum_j p[r, j] * values[j, d] for the kKeysPerBlock values of a block, summed apart
  // before they are added. values [kKeysPerBlock, dim], acc [rows, dim], dim a multiple of kLanes.
  void (*weigh_values)(const float* p, int64_t rows, int64_t p_stride, const float* values,
                       int64_t dim, float* acc) noexcept;

  void (*add_outer)(const OuterSum& sum) noexcept;

  // Of rms_norm, for the gradient dy of its y: dx[i] += its part in the gradient of x.
  void (*rms_norm_gradient)(const float* x, const float* w, float offset, const float* dy,
                            int64_t n, float eps, float* dx) noexcept;

  // Of gate, for the gradient dy of its y. dgate may be gate, dup may be up or dy.
  void (*gate_gradient)(GateKind kind, const float* gate, const float* up, const float* dy,
                        int64_t n, float* dgate, float* dup) noexcept;

  // Of softmax, with its sum `total` and the gradient dp of the weights p / total:
  // p[j] /= total, dp[j] = scale * p[j] * (dp[j] - sum(p * dp)); n is a multiple of kKeysPerBlock.
  void (*softmax_gradient)(float total, float scale, int64_t n, float* p, float* dp) noexcept;

  PairKernels pairs;
  ByteKernels bytes;

  // dst[i] = the number that `elements` weights (whole blocks) at src stand for, with the bits of
  // tensor/dequantize.h. Null: nothing is gained over that.
  void (*widen)(StoredForm form, const uint8_t* src, int64_t elements, float* dst) noexcept;
};

const KernelTable& ScalarKernels();
// Null where this build has none (another architecture).
const KernelTable* Avx2Kernels();
const KernelTable* Avx512Kernels();
// In place of the tables' own where the machine has AVX512_BF16, AVX-VNNI or AVX512_VNNI.
const PairKernels* Avx512Bf16Pairs();
const ByteKernels* AvxVnniBytes();
const ByteKernels* Avx512VnniBytes();

}  // namespace dear::cpu

#endif  // DEAR_KERNELS_CPU_KERNEL_TABLE_H_
