#include "kernels/machine_peak.h"

#include <gtest/gtest.h>

namespace dear {
namespace {

TEST(MachinePeakTest, IsWhatAMachineCanDo) {
  ThreadPool pool(1);
  const MachinePeak peak = MeasurePeak(pool);
  EXPECT_GT(peak.bytes_per_second, 1e8);
  EXPECT_LT(peak.bytes_per_second, 1e12);
  EXPECT_LT(peak.f32_flops, 1e12);  // of one thread
  EXPECT_LT(peak.bf16_flops, 1e13);
  EXPECT_LT(peak.int8_ops, 1e13);
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) {
    EXPECT_GT(peak.f32_flops, 1e9);
  }
  if (__builtin_cpu_supports("avx2") != 0) {
    EXPECT_GT(peak.int8_ops, peak.f32_flops);
  }
#endif
}

}  // namespace
}  // namespace dear
