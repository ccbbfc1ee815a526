#include "kernels/cpu/isa.h"

#include <string>

#include "base/error.h"

namespace dear::cpu {
namespace {

// __builtin_cpu_supports asks the processor and, through xgetbv, whether the operating system saves
// the wide registers.
bool MachineHasAvx2() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
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

}  // namespace

std::vector<const KernelTable*> RunnableKernels() {
  std::vector<const KernelTable*> tables;
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
  if (wanted == "avx2" || wanted == "avx512") {
    throw Error(
        ErrorCode::kUnsupported, context,
        "this machine cannot run it; the widest here is " + std::string(runnable.front()->name));
  }
  throw Error(ErrorCode::kInvalidArgument, context, "expected scalar, avx2 or avx512");
}

}  // namespace dear::cpu
