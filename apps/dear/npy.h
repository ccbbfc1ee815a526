#ifndef DEAR_APPS_DEAR_NPY_H_
#define DEAR_APPS_DEAR_NPY_H_

#include <cstdint>
#include <span>
#include <string>

namespace dear::app {

// The bytes of a NumPy .npy file (version 1.0) of float32 [rows, cols], C order.
std::string NpyBytes(std::span<const float> values, int64_t rows, int64_t cols);

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_NPY_H_
