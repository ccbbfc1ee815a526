#ifndef DEAR_KERNELS_TESTING_EMULATED_TILES_H_
#define DEAR_KERNELS_TESTING_EMULATED_TILES_H_

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>

// The tiles of AMX in plain C++, by the operation sections of LDTILECFG, TILELOADD, TILESTORED,
// TILEZERO and TDPBF16PS in Intel's manual: what the instruction refuses (#UD, #GP) throws. The
// order of sums within a tile is one of those that the manual's editions give.
namespace dear::testing {

class EmulatedTiles {
 public:
  static constexpr int kTiles = 8;

  void Configure(const void* shapes) {
    uint8_t bytes[64];
    std::memcpy(bytes, shapes, sizeof(bytes));
    Require(bytes[0] == 1, "palette");
    for (int i = 1; i < 16; ++i) Require(bytes[i] == 0, "start row or a reserved byte");
    for (int t = 0; t < kTiles; ++t) {
      uint16_t row_bytes = 0;
      std::memcpy(&row_bytes, bytes + 16 + 2 * t, sizeof(row_bytes));
      Require(row_bytes <= 64 && bytes[48 + t] <= 16, "a shape beyond the palette");
      Require((row_bytes == 0) == (bytes[48 + t] == 0), "a shape with one side");
      tiles_[t] = {.rows = bytes[48 + t], .row_bytes = row_bytes};
    }
    for (int i = 16 + 2 * kTiles; i < 48; ++i) Require(bytes[i] == 0, "a tile beyond the palette");
    for (int i = 48 + kTiles; i < 64; ++i) Require(bytes[i] == 0, "a tile beyond the palette");
    configured_ = true;
  }
  void Release() { configured_ = false; }
  bool configured() const { return configured_; }

  void Zero(int t) { std::memset(At(t).data, 0, sizeof(At(t).data)); }
  void Load(int t, const void* from, int64_t stride) {
    Zero(t);
    for (int r = 0; r < At(t).rows; ++r)
      std::memcpy(At(t).data[r], static_cast<const char*>(from) + r * stride, At(t).row_bytes);
  }
  void Store(int t, void* to, int64_t stride) {
    for (int r = 0; r < At(t).rows; ++r)
      std::memcpy(static_cast<char*>(to) + r * stride, At(t).data[r], At(t).row_bytes);
  }
  void Dot(int c, int a, int b) {
    Tile& sums = At(c);
    const Tile& left = At(a);
    const Tile& right = At(b);
    Require(c != a && c != b && a != b, "one tile twice");
    Require(left.row_bytes / 4 == right.rows, "inner lengths that differ");
    Require(sums.rows == left.rows && sums.row_bytes == right.row_bytes,
            "an output of other shape");
    for (int m = 0; m < sums.rows; ++m) {
      for (int n = 0; n < sums.row_bytes / 4; ++n) {
        float even = 0;
        float odd = 0;
        for (int k = 0; k < left.row_bytes / 4; ++k) {
          even = Flush(std::fma(Half(left, m, 2 * k), Half(right, k, 2 * n), even));
          odd = Flush(std::fma(Half(left, m, 2 * k + 1), Half(right, k, 2 * n + 1), odd));
        }
        float sum = 0;
        std::memcpy(&sum, sums.data[m] + 4 * n, sizeof(sum));
        sum = Flush(Flush(sum) + Flush(even + odd));
        std::memcpy(sums.data[m] + 4 * n, &sum, sizeof(sum));
      }
    }
  }

 private:
  struct Tile {
    int rows = 0;
    int row_bytes = 0;
    uint8_t data[16][64] = {};
  };

  static void Require(bool holds, const char* what) {
    if (!holds) throw std::logic_error(what);
  }
  static float Flush(float v) {
    return std::fpclassify(v) == FP_SUBNORMAL ? std::copysign(0.0F, v) : v;
  }
  static float Half(const Tile& tile, int row, int at) {
    uint16_t half = 0;
    std::memcpy(&half, tile.data[row] + 2 * at, sizeof(half));
    return Flush(std::bit_cast<float>(uint32_t{half} << 16));
  }
  Tile& At(int t) {
    Require(configured_, "tiles that are not set up");
    Require(tiles_[t].rows > 0, "a tile without a shape");
    return tiles_[t];
  }

  bool configured_ = false;
  Tile tiles_[kTiles];
};

}  // namespace dear::testing

#endif  // DEAR_KERNELS_TESTING_EMULATED_TILES_H_
