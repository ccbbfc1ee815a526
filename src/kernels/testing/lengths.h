#ifndef DEAR_KERNELS_TESTING_LENGTHS_H_
#define DEAR_KERNELS_TESTING_LENGTHS_H_

#include <cstdint>

namespace dear::testing {

// Below, at and above the widths of vectors and tiles.
inline constexpr int64_t kLengths[] = {1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65};

}  // namespace dear::testing

#endif  // DEAR_KERNELS_TESTING_LENGTHS_H_
