#ifndef DEAR_KERNELS_CPU_AMX_H_
#define DEAR_KERNELS_CPU_AMX_H_

#include <stdint.h>

#include "kernels/cpu/kernel_table.h"

namespace dear::cpu {

// Products of bf16 pairs by the tiles of AMX, in place of a table's own.
struct TileKernels {
  const char* (*unit)() noexcept;  // "amx"
  void (*dot)(const PairProduct& product) noexcept;
  // FLOP of a loop of `rounds` independent products in tiles.
  double (*spin)(int64_t rounds) noexcept;
};

// Null where this build has none.
const TileKernels* AmxTiles();

// Whether the processor has AMX for bf16 and the system lets this process use it, which this asks
// it for once.
bool MachineHasAmx();

// Whether tiles do here what they are taken to do: a product of whole numbers, exact in any order,
// on full tiles and others. Machines that say no are not given them.
bool TilesMultiply(const TileKernels& tiles);

}  // namespace dear::cpu

#endif  // DEAR_KERNELS_CPU_AMX_H_
