#ifndef DEAR_TENSOR_PACKED_MATRIX_H_
#define DEAR_TENSOR_PACKED_MATRIX_H_

#include <array>
#include <cstdint>
#include <memory>

#include "tensor/matrix.h"

namespace dear {

class ThreadPool;

// Weights in the order in which the fast kernels read them. The outputs lie in panels of kOuts, the
// last one filled up with zeros; within a panel the inputs follow each other, filled up with zeros
// to a multiple of kDepth. What a weight is worth is a bf16 number in every kind.
//
//   kPairs   bf16   [panel][depth / 2][out][2]: 32 inputs of a panel are one tile of AMX
//   kCodes4  4 bits [panel][depth / 8][out][4 bytes]: the low nibble of a byte comes first
//   kCodes8  int8   [panel][depth / 4][out][4]
//   scales, minima  [panel][scale_blocks][out], f32 or f16: of `block` inputs
//
// Codes stay codes in memory; a kernel turns them into pairs,
//   bf16(levels[code] * scale + minimum),
// for a block of outputs and inputs at a time, and multiplies those.
struct PackedWeights {
  static constexpr int64_t kOuts = 16;
  static constexpr int64_t kDepth = 32;

  enum class Kind : uint8_t { kPairs, kCodes4, kCodes8 };

  Kind kind = Kind::kPairs;
  int64_t panels = 0;
  int64_t depth = 0;  // inputs, filled up
  const void* data = nullptr;
  const void* scales = nullptr;
  const void* minima = nullptr;  // null where there are none
  int64_t block = 0;
  int64_t scale_blocks = 0;  // of a panel
  bool half_scales = false;
  std::array<float, 16> levels{};
};

// `source` in that order: codes where it is codes (Matrix::Coded), else its numbers rounded to
// bf16. The result owns its memory; its form() is "packed " and the form of what it was made from,
// its CopyRows gives the bf16 numbers. The work is shared out over `pool` where there is one.
// Where the source has two factors (int8) or rounds to f16 (4-bit of an f16 model), a weight may
// differ from the rounded number of CopyRows by one unit in bf16's last place.
std::shared_ptr<const Matrix> PackMatrix(const Matrix& source, ThreadPool* pool = nullptr);

}  // namespace dear

#endif  // DEAR_TENSOR_PACKED_MATRIX_H_
