#include "kernels/cpu/amx.h"

#if defined(__AMX_TILE__) && defined(__AMX_BF16__)

#include <immintrin.h>

namespace dear::cpu {
namespace {

// g++ 12's intrinsics do not tell the compiler what memory they read.
#define MEMORY_IS_READ() __asm__ volatile("" ::: "memory")
#define TILE_CONFIGURE(p) \
  do {                    \
    MEMORY_IS_READ();     \
    _tile_loadconfig(p);  \
  } while (false)
#define TILE_RELEASE() _tile_release()
#define TILE_ZERO(t) _tile_zero(t)
#define TILE_LOAD(t, p, stride) _tile_loadd(t, p, stride)
#define TILE_STORE(t, p, stride) \
  do {                           \
    _tile_stored(t, p, stride);  \
    MEMORY_IS_READ();            \
  } while (false)
#define TILE_DOT(c, a, b) _tile_dpbf16ps(c, a, b)

#include "kernels/cpu/amx_body.inc"

const char* Unit() noexcept {
  return "amx";
}

double Spin(int64_t rounds) noexcept {
  SetUpTiles({{16, 16}, {16, 16}});
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
  for (int64_t i = 0; i < rounds; ++i) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
  return static_cast<double>(rounds) * 4 * 16 * 16 * 32 * 2;
}

constexpr TileKernels kTiles = {Unit, DotTiles, Spin};

}  // namespace

const TileKernels* AmxTiles() {
  return &kTiles;
}

}  // namespace dear::cpu

#else

namespace dear::cpu {
const TileKernels* AmxTiles() {
  return nullptr;
}
}  // namespace dear::cpu

#endif
