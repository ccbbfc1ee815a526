#include "kernels/cpu/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <array>
#include <string>

#include "base/error.h"
#include "kernels/cpu/amx.h"
#include "tensor/rounding.h"

namespace dear::cpu {
namespace {

// __builtin_cpu_supports asks the processor and, through xgetbv, whether the operating system saves
// the wide registers.
#if defined(__x86_64__)
// clang 14's __builtin_cpu_supports does not know it.
bool HasF16c() {
  unsigned int a = 0;
  unsigned int b = 0;
  unsigned int c = 0;
  unsigned int d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

bool MachineHasAvx2() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 && HasF16c();
#else
  return false;
#endif
}

bool MachineHasAvx512() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return MachineHasAvx2() && __builtin_cpu_supports("avx512f") != 0;
#else
  return false;
#endif
}

bool MachineHasAvxVnni() {
#if defined(__x86_64__)
  // Neither compiler's __builtin_cpu_supports knows it.
  constexpr unsigned int kAvxVnni = 1U << 4;
  unsigned int a = 0;
  unsigned int b = 0;
  unsigned int c = 0;
  unsigned int d = 0;
  return MachineHasAvx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & kAvxVnni) != 0;
#else
  return false;
#endif
}

bool MachineHasAvx512Vnni() {
#if defined(__x86_64__)
  return MachineHasAvx512() && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512vnni") != 0;
#else
  return false;
#endif
}

bool MachineHasAvx512Bf16() {
#if defined(__x86_64__)
  return MachineHasAvx512Vnni() && __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

// Emerald Rapids multiplies half as many numbers a second by the instruction for pairs as by fused
// multiply-adds, which is taken for all of Intel's; Zen 4 and Zen 5 twice as many.
bool Bf16PairsAreSlow() {
#if defined(__x86_64__)
  return __builtin_cpu_is("intel") != 0;
#else
  return false;
#endif
}

// A table under a name, with the products of bytes and pairs that a wider instruction set has.
KernelTable Improved(const char* name, const KernelTable& table, const ByteKernels& bytes,
                     const PairKernels& pairs) {
  KernelTable made = table;
  made.name = name;
  made.bytes = bytes;
  made.pairs = pairs;
  return made;
}

// The tables that this build has and this machine runs, the fastest first.
std::vector<KernelTable> MakeRunnable() {
  std::vector<KernelTable> tables = {ScalarKernels()};
  const auto add = [&tables](const KernelTable& table) { tables.insert(tables.begin(), table); };
  const KernelTable* avx2 = Avx2Kernels();
  if (avx2 == nullptr || !MachineHasAvx2()) return tables;
  add(*avx2);
  if (AvxVnniBytes() != nullptr && MachineHasAvxVnni()) {
    add(Improved("avxvnni", *avx2, *AvxVnniBytes(), avx2->pairs));
  }
  const KernelTable* avx512 = Avx512Kernels();
  if (avx512 == nullptr || !MachineHasAvx512()) return tables;
  add(Improved("avx512", *avx512, avx2->bytes, avx512->pairs));
  if (Avx512VnniBytes() == nullptr || !MachineHasAvx512Vnni()) return tables;
  add(Improved("avx512vnni", *avx512, *Avx512VnniBytes(), avx512->pairs));
  if (Avx512Bf16Pairs() == nullptr || !MachineHasAvx512Bf16()) return tables;
  tables.insert(tables.begin() + (Bf16PairsAreSlow() ? 1 : 0),
                Improved("avx512bf16", *avx512, *Avx512VnniBytes(), *Avx512Bf16Pairs()));
  if (AmxTiles() == nullptr || !MachineHasAmx() || !TilesMultiply(*AmxTiles())) return tables;
  PairKernels pairs = *Avx512Bf16Pairs();
  pairs.unit = AmxTiles()->unit;
  pairs.dot = AmxTiles()->dot;
  pairs.task_rows = 512;
  pairs.attend = true;
  add(Improved("amx", *avx512, *Avx512VnniBytes(), pairs));
  return tables;
}

constexpr std::array kNames = {"scalar",     "avx2",       "avxvnni", "avx512",
                               "avx512vnni", "avx512bf16", "amx"};

}  // namespace

bool TilesMultiply(const TileKernels& tiles) {
  constexpr int64_t kRows = 35;  // two tiles, and a part of one
  constexpr int64_t kOuts = 37;
  constexpr int64_t kDepth = 64;
  constexpr int64_t kPanelOuts = 16;
  constexpr int64_t kPanels = 3;
  const auto activation = [](int64_t row, int64_t k) { return (row * 7 + k * 3) % 11 - 5; };
  const auto weight = [](int64_t out, int64_t k) { return (out * 5 + k * 2) % 13 - 6; };
  const auto half = [](int64_t value) { return F32ToBF16(static_cast<float>(value)); };
  std::array<uint16_t, kRows * kDepth> x{};
  std::array<uint16_t, kPanels * kDepth * kPanelOuts> w{};
  std::array<float, kRows * kOuts> y{};
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t k = 0; k < kDepth; ++k) {
      x[static_cast<size_t>(row * kDepth + k)] = half(activation(row, k));
    }
  }
  for (int64_t k = 0; k < kDepth; ++k) {
    for (int64_t out = 0; out < kOuts; ++out) {
      const int64_t in_panel = (k / 2 * kPanelOuts + out % kPanelOuts) * 2 + k % 2;
      w[static_cast<size_t>(out / kPanelOuts * kDepth * kPanelOuts + in_panel)] =
          half(weight(out, k));
    }
  }
  tiles.dot({.x = x.data(),
             .rows = kRows,
             .x_stride = kDepth,
             .w = w.data(),
             .panel_stride = kDepth * kPanelOuts,
             .depth = kDepth,
             .outs = kOuts,
             .add = false,
             .bias = nullptr,
             .y = y.data(),
             .y_stride = kOuts});
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t out = 0; out < kOuts; ++out) {
      int64_t sum = 0;
      for (int64_t k = 0; k < kDepth; ++k) sum += activation(row, k) * weight(out, k);
      if (y[static_cast<size_t>(row * kOuts + out)] != static_cast<float>(sum)) return false;
    }
  }
  return true;
}

bool MachineHasAmx() {
#if defined(__x86_64__) && defined(SYS_arch_prctl)
  static const bool has = [] {
    constexpr unsigned int kAmxBf16 = 1U << 22;
    constexpr unsigned int kAmxTile = 1U << 24;
    unsigned int a = 0;
    unsigned int b = 0;
    unsigned int c = 0;
    unsigned int d = 0;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
    if ((d & kAmxBf16) == 0 || (d & kAmxTile) == 0) return false;
    // Linux keeps tiles from a process that does not ask (Documentation/arch/x86/xstate.rst).
    constexpr int64_t kRequestPermission = 0x1023;
    constexpr int64_t kTileData = 18;
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  }();
  return has;
#else
  return false;
#endif
}

std::vector<const KernelTable*> RunnableKernels() {
  static const std::vector<KernelTable> tables = MakeRunnable();
  std::vector<const KernelTable*> pointers;
  pointers.reserve(tables.size());
  for (const KernelTable& table : tables) pointers.push_back(&table);
  return pointers;
}

const KernelTable& ChooseKernels(std::string_view wanted) {
  const std::vector<const KernelTable*> runnable = RunnableKernels();
  if (wanted.empty()) return *runnable.front();
  for (const KernelTable* table : runnable) {
    if (wanted == table->name) return *table;
  }
  const std::string context = "DEAR_ISA=" + std::string(wanted);
  std::string known;
  for (const char* name : kNames) {
    if (wanted == name) {
      throw Error(
          ErrorCode::kUnsupported, context,
          "this machine cannot run it; the fastest here is " + std::string(runnable.front()->name));
    }
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  throw Error(ErrorCode::kInvalidArgument, context, "expected one of " + known);
}

}  // namespace dear::cpu
