#include "kernels/cpu/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <string>

#include "base/error.h"

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

bool MachineHasAvx512Bf16() {
#if defined(__x86_64__)
  return MachineHasAvx512() && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

// AVX-512's table with the other products of pairs; null where this build lacks one of them.
const KernelTable* Avx512Bf16Kernels() {
  static const KernelTable table = [] {
    KernelTable made = Avx512Kernels() == nullptr ? ScalarKernels() : *Avx512Kernels();
    made.name = "avx512bf16";
    if (Avx512Bf16Pairs() != nullptr) made.pairs = *Avx512Bf16Pairs();
    return made;
  }();
  return Avx512Kernels() == nullptr || Avx512Bf16Pairs() == nullptr ? nullptr : &table;
}

}  // namespace

std::vector<const KernelTable*> RunnableKernels() {
  std::vector<const KernelTable*> tables;
  if (Avx512Bf16Kernels() != nullptr && MachineHasAvx512Bf16()) {
    tables.push_back(Avx512Bf16Kernels());
  }
  if (Avx512Kernels() != nullptr && MachineHasAvx512()) tables.push_back(Avx512Kernels());
  if (Avx2Kernels() != nullptr && MachineHasAvx2()) tables.push_back(Avx2Kernels());
  tables.push_back(&ScalarKernels());
  return tables;
}

const KernelTable& ChooseKernels(std::string_view wanted) {
  const std::vector<const KernelTable*> runnable = RunnableKernels();
  if (wanted.empty()) return *runnable.front();
  for (const KernelTable* table : runnable) {
    if (wanted == table->name) return *table;
  }
  const std::string context = "DEAR_ISA=" + std::string(wanted);
  if (wanted == "avx2" || wanted == "avx512" || wanted == "avx512bf16") {
    throw Error(
        ErrorCode::kUnsupported, context,
        "this machine cannot run it; the widest here is " + std::string(runnable.front()->name));
  }
  throw Error(ErrorCode::kInvalidArgument, context, "expected scalar, avx2, avx512 or avx512bf16");
}

}  // namespace dear::cpu
