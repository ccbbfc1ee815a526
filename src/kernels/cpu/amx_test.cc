// The products on tiles, compiled over tiles in plain C++, so that a machine without AMX tests what
// is loaded, multiplied and stored. Where there is AMX, pair_kernels_test.cc runs the same shapes
// through the instructions.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "kernels/cpu/amx.h"
#include "kernels/testing/emulated_tiles.h"
#include "kernels/testing/misaligned.h"
#include "kernels/testing/pair_sum.h"
#include "tensor/rounding.h"

namespace dear::cpu {
namespace {

using dear::testing::EmulatedTiles;
using Floats = dear::testing::Misaligned<float>;
using Halves = dear::testing::Misaligned<uint16_t>;

EmulatedTiles tiles;

#define TILE_CONFIGURE(p) tiles.Configure(p)
#define TILE_RELEASE() tiles.Release()
#define TILE_ZERO(t) tiles.Zero(t)
#define TILE_LOAD(t, p, stride) tiles.Load(t, p, stride)
#define TILE_STORE(t, p, stride) tiles.Store(t, p, stride)
#define TILE_DOT(c, a, b) tiles.Dot(c, a, b)

#include "kernels/cpu/amx_body.inc"

struct TileShape {
  int64_t rows, outs, depth;
  bool bias, add;
};

TEST(AmxTest, DotGivesTheBitsOfItsDefinition) {
  std::mt19937 random(20261126);
  std::normal_distribution<float> normal;
  std::vector<TileShape> shapes;
  for (const int64_t outs : {1, 7, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65}) {
    for (const int64_t rows : {1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 49, 65}) {
      shapes.push_back({rows, outs, 32 * (1 + (rows + outs) % 3), rows % 2 == 0, outs % 2 == 0});
    }
  }
  for (const TileShape& shape : shapes) {
    const int64_t panels = (shape.outs + 15) / 16;
    const int64_t x_stride = shape.depth + 6;
    const int64_t panel_stride = shape.depth * 16 + 2;
    const int64_t y_stride = shape.outs + 3;
    Halves x((shape.rows - 1) * x_stride + shape.depth);
    Halves w((panels - 1) * panel_stride + shape.depth * 16);
    Floats bias(shape.outs);
    Floats y((shape.rows - 1) * y_stride + shape.outs);
    const int64_t x_size = (shape.rows - 1) * x_stride + shape.depth;
    for (int64_t i = 0; i < x_size; ++i) x[i] = F32ToBF16(normal(random));
    const int64_t w_size = (panels - 1) * panel_stride + shape.depth * 16;
    for (int64_t i = 0; i < w_size; ++i) w[i] = F32ToBF16(normal(random));
    bias.Fill(random);
    y.Fill(random);
    const std::vector<float> before(y.data(), y.data() + (shape.rows - 1) * y_stride + shape.outs);
    DotTiles({.x = x.data(),
              .rows = shape.rows,
              .x_stride = x_stride,
              .w = w.data(),
              .panel_stride = panel_stride,
              .depth = shape.depth,
              .outs = shape.outs,
              .add = shape.add,
              .bias = shape.bias ? bias.data() : nullptr,
              .y = y.data(),
              .y_stride = y_stride});
    EXPECT_FALSE(tiles.configured()) << "tiles are left for every later switch of threads to save";
    std::vector<float> x_row(static_cast<size_t>(shape.depth));
    std::vector<float> w_row(static_cast<size_t>(shape.depth));
    for (size_t at = 0; at < before.size(); ++at) {
      const int64_t r = static_cast<int64_t>(at) / y_stride;
      const int64_t o = static_cast<int64_t>(at) % y_stride;
      float expected = before[at];
      if (o < shape.outs) {
        for (int64_t k = 0; k < shape.depth; ++k) {
          const uint16_t* panel = w.data() + o / 16 * panel_stride;
          x_row[static_cast<size_t>(k)] = BF16ToF32(x[r * x_stride + k]);
          w_row[static_cast<size_t>(k)] = BF16ToF32(panel[(k / 2 * 16 + o % 16) * 2 + k % 2]);
        }
        expected = dear::testing::PairSum("amx", x_row.data(), w_row.data(), shape.depth,
                                          shape.add ? expected : 0.0F);
        if (shape.bias) expected += bias[o];
      }
      const float got = y[static_cast<int64_t>(at)];
      ASSERT_EQ(std::memcmp(&got, &expected, sizeof(got)), 0)
          << shape.rows << " rows, " << shape.outs << " outs, depth " << shape.depth << " at " << r
          << ", " << o << ": " << got << " for " << expected;
    }
    ASSERT_TRUE(y.GuardsIntact());
  }
}

TEST(AmxTest, TheTrialTellsTilesThatMultiplyFromOthers) {
  EXPECT_TRUE(TilesMultiply({.unit = nullptr, .dot = DotTiles, .spin = nullptr}));
  const auto swapped = [](const PairProduct& product) noexcept {
    DotTiles(product);
    std::swap(product.y[0], product.y[1]);
  };
  EXPECT_FALSE(TilesMultiply({.unit = nullptr, .dot = swapped, .spin = nullptr}));
  const auto idle = [](const PairProduct&) noexcept {};
  EXPECT_FALSE(TilesMultiply({.unit = nullptr, .dot = idle, .spin = nullptr}));
}

TEST(EmulatedTilesTest, RefusesWhatTheInstructionsRefuse) {
  EmulatedTiles own;
  EXPECT_THROW(own.Zero(0), std::logic_error);
  TileShapes shapes = {};
  EXPECT_THROW(own.Configure(&shapes), std::logic_error);
  shapes.palette = 1;
  shapes.rows[0] = shapes.rows[1] = shapes.rows[2] = 16;
  shapes.row_bytes[0] = shapes.row_bytes[1] = shapes.row_bytes[2] = 64;
  own.Configure(&shapes);
  own.Zero(0);
  own.Dot(0, 1, 2);
  EXPECT_THROW(own.Dot(0, 1, 1), std::logic_error);
  EXPECT_THROW(own.Zero(3), std::logic_error);
  shapes.rows[2] = 8;  // not half of the numbers of a row of activations
  own.Configure(&shapes);
  EXPECT_THROW(own.Dot(0, 1, 2), std::logic_error);
  shapes.rows[2] = 17;
  EXPECT_THROW(own.Configure(&shapes), std::logic_error);
}

}  // namespace
}  // namespace dear::cpu
