#ifndef DEAR_KERNELS_MACHINE_PEAK_H_
#define DEAR_KERNELS_MACHINE_PEAK_H_

#include "base/thread_pool.h"

namespace dear {

// What this machine can do at best, by all threads of a pool at once: the roofs that speeds are
// held against.
struct MachinePeak {
  double f32_flops = 0;   // a second: fused multiply-adds on registers; 0: not measured here
  double bf16_flops = 0;  // products of bf16 pairs on registers; 0: no such instruction
  // Products and sums of bytes on registers, by AVX-512 VNNI or AVX2 (of AVX-VNNI alone AVX2's
  // count); 0: no such instruction.
  double int8_ops = 0;
  double bytes_per_second = 0;  // read in order from memory
};

// Takes a second or two, and 128 MiB of memory a thread. The best of several tries.
MachinePeak MeasurePeak(ThreadPool& pool);

}  // namespace dear

#endif  // DEAR_KERNELS_MACHINE_PEAK_H_
