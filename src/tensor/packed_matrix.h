#ifndef DEAR_TENSOR_PACKED_MATRIX_H_
#define DEAR_TENSOR_PACKED_MATRIX_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "tensor/matrix.h"

namespace dear {

class ThreadPool;

// What the activations that meet packed weights are rounded to.
enum class Activations : uint8_t { kBF16, kInt8 };

// Weights in the order in which the fast kernels read them. The outputs lie in panels of kOuts, the
// last one filled up with zeros; within a panel the inputs follow each other, filled up with zeros
// to a multiple of kDepth.
//
//   kPairs   bf16   [panel][depth / 2][out][2]: 32 inputs of a panel are one tile of AMX
//   kCodes4  4 bits [panel][depth / 8][out][4 bytes]: the low nibble of a byte comes first
//   kCodes8  int8   [panel][depth / 4][out][4]
//   scales, minima  [panel][scale_blocks][out], f32 or f16: of `block` inputs
//
// Codes stay codes in memory; for a block of outputs and inputs at a time a kernel turns them into
// what it multiplies with the activations as they are rounded:
//   bf16  pairs, bf16(levels[code] * scale + minimum)
//   int8  bytes without sign, each worth (byte - byte_offset) * byte_unit * scale + minimum; the
//         byte of an int8 code is code + 128, that of a 4-bit code byte_levels[code]
struct PackedWeights {
  static constexpr int64_t kOuts = 16;
  static constexpr int64_t kDepth = 32;

  enum class Kind : uint8_t { kPairs, kCodes4, kCodes8 };

  Activations activations = Activations::kBF16;
  Kind kind = Kind::kPairs;
  int64_t panels = 0;
  int64_t depth = 0;           // inputs, filled up
  const void* data = nullptr;  // begins the matrix's bytes; see PackedBytes
  const void* scales = nullptr;
  const void* minima = nullptr;  // null where there are none
  int64_t block = 0;
  int64_t scale_blocks = 0;  // of a panel
  bool half_scales = false;
  std::array<float, 16> levels{};
  std::array<uint8_t, 16> byte_levels{};
  uint8_t largest_byte = 255;  // that stands for a code
  int32_t byte_offset = 0;
  float byte_unit = 1;
};

// `source` in that order: codes where it is codes (Matrix::Coded), else its numbers rounded to
// bf16, which meet bf16 activations whatever `activations` says. The result owns its memory; its
// form() is "packed " and the form of what it was made from, its CopyRows gives the numbers that
// the products take for the weights. The work is shared out over `pool` where there is one.
// With bf16 activations, where the source has two factors (int8) or rounds to f16 (4-bit of an f16
// model), a weight may differ from the rounded number of CopyRows by one unit in bf16's last place.
std::shared_ptr<const Matrix> PackMatrix(const Matrix& source, ThreadPool* pool = nullptr,
                                         Activations activations = Activations::kBF16);

// What has to be known beside shape and bytes to have a packed matrix again.
struct PackedForm {
  std::string source;  // form() of what was packed
  Activations activations = Activations::kBF16;
  std::optional<CodedForm> codes;  // none: bf16 pairs, which meet bf16 activations alone
};

// Of a matrix whose Packed() is not null.
PackedForm PackedFormOf(const Matrix& packed);

// The bytes of such a matrix, Matrix::bytes() long: data, then scales, then minima (where there are
// any), each filled up with zeros to a multiple of 64.
std::span<const std::byte> PackedBytes(const Matrix& packed);

// How many these are; nullopt where no matrix has that shape and form, or they are too many.
std::optional<uint64_t> CountPackedBytes(int64_t rows, int64_t cols, const PackedForm& form);

// The matrix over such bytes where they lie, beginning at a multiple of 64, kept alive by `owner`.
// Whatever they hold, nothing outside of them is read. Throws kInvalidFormat where
// CountPackedBytes() does not give their number.
std::shared_ptr<const Matrix> ViewPackedMatrix(int64_t rows, int64_t cols, const PackedForm& form,
                                               std::span<const std::byte> bytes,
                                               std::shared_ptr<const void> owner);

}  // namespace dear

#endif  // DEAR_TENSOR_PACKED_MATRIX_H_
