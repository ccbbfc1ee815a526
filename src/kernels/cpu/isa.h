#ifndef DEAR_KERNELS_CPU_ISA_H_
#define DEAR_KERNELS_CPU_ISA_H_

#include <string_view>
#include <vector>

#include "kernels/cpu/kernel_table.h"

namespace dear::cpu {

// The tables that this build has and this machine can run, fastest first; scalar is always last.
std::vector<const KernelTable*> RunnableKernels();

// The table that `wanted` names ("scalar", "avx2", "avxvnni", "avx512", "avx512vnni",
// "avx512bf16", "amx"), or the fastest where it is empty. Throws Error kInvalidArgument (no such
// name) or kUnsupported (this machine cannot run it).
const KernelTable& ChooseKernels(std::string_view wanted);

}  // namespace dear::cpu

#endif  // DEAR_KERNELS_CPU_ISA_H_
