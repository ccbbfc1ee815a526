#include "kernels/machine_peak.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/cpu/amx.h"

namespace dear {
namespace {

constexpr int kTries = 5;

double Seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// A sanitizer must not count for the machine.
#define DEAR_UNWATCHED no_sanitize("thread", "address", "undefined")

// FLOP of a loop of independent multiply-adds in registers; 0 where this machine has none such.
#if defined(__x86_64__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"  // inside g++ 12's own intrinsics
__attribute__((target("avx512f,fma"), DEAR_UNWATCHED)) double SpinAvx512(int64_t rounds) {
  __m512 sums[16];
  for (auto& sum : sums) sum = _mm512_setzero_ps();
  const __m512 a = _mm512_set1_ps(1e-9F);
  for (int64_t i = 0; i < rounds; ++i) {
    for (auto& sum : sums) sum = _mm512_fmadd_ps(a, a, sum);
  }
  volatile float keep = 0;
  for (auto& sum : sums) keep = keep + _mm_cvtss_f32(_mm512_castps512_ps128(sum));
  return static_cast<double>(rounds) * 16 * 16 * 2;
}

__attribute__((target("avx512f,avx512bf16"), DEAR_UNWATCHED)) double SpinBf16(int64_t rounds) {
  __m512 sums[16];
  for (auto& sum : sums) sum = _mm512_setzero_ps();
  const auto a = (__m512bh)_mm512_set1_epi32(0x20002000);
  for (int64_t i = 0; i < rounds; ++i) {
    for (auto& sum : sums) sum = _mm512_dpbf16_ps(sum, a, a);
  }
  volatile float keep = 0;
  for (auto& sum : sums) keep = keep + _mm_cvtss_f32(_mm512_castps512_ps128(sum));
  return static_cast<double>(rounds) * 16 * 32 * 2;
}

__attribute__((target("avx512f,avx512vnni"), DEAR_UNWATCHED)) double SpinBytes(int64_t rounds) {
  __m512i sums[16];
  for (auto& sum : sums) sum = _mm512_setzero_si512();
  const __m512i a = _mm512_set1_epi32(1);
  for (int64_t i = 0; i < rounds; ++i) {
    for (auto& sum : sums) sum = _mm512_dpbusd_epi32(sum, a, a);
  }
  volatile int keep = 0;
  for (auto& sum : sums) keep = keep + _mm_cvtsi128_si32(_mm512_castsi512_si128(sum));
  return static_cast<double>(rounds) * 16 * 64 * 2;
}
#pragma GCC diagnostic pop

__attribute__((target("avx2,fma"), DEAR_UNWATCHED)) double SpinAvx2(int64_t rounds) {
  __m256 sums[12];
  for (auto& sum : sums) sum = _mm256_setzero_ps();
  const __m256 a = _mm256_set1_ps(1e-9F);
  for (int64_t i = 0; i < rounds; ++i) {
    for (auto& sum : sums) sum = _mm256_fmadd_ps(a, a, sum);
  }
  volatile float keep = 0;
  for (auto& sum : sums) keep = keep + _mm_cvtss_f32(_mm256_castps256_ps128(sum));
  return static_cast<double>(rounds) * 12 * 8 * 2;
}

// Products of bytes two by two and their sums of 16 bits, where no instruction does more.
__attribute__((target("avx2"), DEAR_UNWATCHED)) double SpinBytesAvx2(int64_t rounds) {
  __m256i sums[12];
  for (auto& sum : sums) sum = _mm256_setzero_si256();
  const __m256i a = _mm256_set1_epi8(1);
  for (int64_t i = 0; i < rounds; ++i) {
    // Of the sum, so that no product is the same as the one before.
    for (auto& sum : sums) sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(a, sum));
  }
  volatile int keep = 0;
  for (auto& sum : sums) keep = keep + _mm_cvtsi128_si32(_mm256_castsi256_si128(sum));
  return static_cast<double>(rounds) * 12 * 32 * 2;
}

double SpinF32(int64_t rounds) {
  if (__builtin_cpu_supports("avx512f") != 0) return SpinAvx512(rounds);
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) {
    return SpinAvx2(rounds);
  }
  return 0;
}
double SpinPairs(int64_t rounds) {
  if (cpu::AmxTiles() != nullptr && cpu::MachineHasAmx()) return cpu::AmxTiles()->spin(rounds);
  return __builtin_cpu_supports("avx512bf16") != 0 ? SpinBf16(rounds) : 0;
}
double SpinInt8(int64_t rounds) {
  if (__builtin_cpu_supports("avx512vnni") != 0) return SpinBytes(rounds);
  return __builtin_cpu_supports("avx2") != 0 ? SpinBytesAvx2(rounds) : 0;
}
#else
double SpinInt8(int64_t) {
  return 0;
}
double SpinF32(int64_t) {
  return 0;
}
double SpinPairs(int64_t) {
  return 0;
}
#endif

// Rounds of `spin` that take long enough to be timed: few where a sanitizer watches each.
int64_t RoundsOf(double (*spin)(int64_t)) {
  constexpr double kLongEnough = 0.02;  // seconds
  int64_t rounds = int64_t{1} << 12;
  while (Seconds([&] { spin(rounds); }) < kLongEnough) rounds *= 2;
  return rounds;
}

double PeakFlops(ThreadPool& pool, double (*spin)(int64_t)) {
  if (spin(1) == 0) return 0;
  const int64_t rounds = RoundsOf(spin);
  double best = 0;
  for (int run = 0; run < kTries; ++run) {
    const int64_t tasks = pool.num_threads();
    double flop = 0;
    const double seconds = Seconds([&] {
      pool.Run(tasks, [&](int64_t task, int) {
        const double done = spin(rounds);
        if (task == 0) flop = done * static_cast<double>(tasks);
      });
    });
    best = std::max(best, flop / seconds);
  }
  return best;
}

double PeakRead(ThreadPool& pool) {
  constexpr int64_t kNumbers = int64_t{1} << 24;  // 128 MiB a thread: more than the last cache
  std::vector<std::vector<uint64_t>> memory(static_cast<size_t>(pool.num_threads()));
  for (auto& part : memory) part.assign(kNumbers, 1);
  double best = 0;
  for (int run = 0; run < kTries; ++run) {
    std::atomic<uint64_t> total = 0;
    const double seconds = Seconds([&] {
      pool.Run(pool.num_threads(), [&](int64_t task, int) {
        uint64_t sum[8] = {};
        const uint64_t* from = memory[static_cast<size_t>(task)].data();
        for (int64_t i = 0; i < kNumbers; i += 8) {
          for (int64_t lane = 0; lane < 8; ++lane) sum[lane] += from[i + lane];
        }
        for (const uint64_t lane : sum) total += lane;
      });
    });
    const auto bytes = static_cast<double>(total.load()) * sizeof(uint64_t);
    best = std::max(best, bytes / seconds);
  }
  return best;
}

}  // namespace

MachinePeak MeasurePeak(ThreadPool& pool) {
  return {.f32_flops = PeakFlops(pool, SpinF32),
          .bf16_flops = PeakFlops(pool, SpinPairs),
          .int8_ops = PeakFlops(pool, SpinInt8),
          .bytes_per_second = PeakRead(pool)};
}

}  // namespace dear
