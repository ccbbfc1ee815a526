#ifndef DEAR_KERNELS_TESTING_KERNELS_UNDER_TEST_H_
#define DEAR_KERNELS_TESTING_KERNELS_UNDER_TEST_H_

#include <vector>

#include "kernels/cpu/isa.h"

namespace dear::testing {

// Every instruction set that the machine runs. Under the thread sanitizer the fastest alone: what
// threads share does not depend on it, and each takes a minute there.
inline std::vector<const cpu::KernelTable*> KernelsUnderTest() {
  std::vector<const cpu::KernelTable*> kernels = cpu::RunnableKernels();
#ifdef __SANITIZE_THREAD__
  kernels.resize(1);
#endif
  return kernels;
}

}  // namespace dear::testing

#endif  // DEAR_KERNELS_TESTING_KERNELS_UNDER_TEST_H_
