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

// Intel's processors do the instruction for pairs at half the rate of fused multiply-adds, so that
// two of those are as fast as it, and no more work; AMD's do it at their full rate.
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
  if (AmxTiles() == nullptr || !MachineHasAmx()) return tables;
  PairKernels pairs = *Avx512Bf16Pairs();
  pairs.unit = AmxTiles()->unit;
  pairs.dot = AmxTiles()->dot;
  add(Improved("amx", *avx512, *Avx512VnniBytes(), pairs));
  return tables;
}

constexpr std::array kNames = {"scalar",     "avx2",       "avxvnni", "avx512",
                               "avx512vnni", "avx512bf16", "amx"};

}  // namespace

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
