#ifndef DEAR_KERNELS_CPU_WIDEN_ROWS_H_
#define DEAR_KERNELS_CPU_WIDEN_ROWS_H_

#include "kernels/cpu/kernel_table.h"
#include "tensor/matrix.h"

namespace dear::cpu {

// Rows [row, row + count) of `w` in f32 at `dst` [count, w.cols()], by the kernels' own loops where
// they know the form, with the bits of Matrix::CopyRows.
void WidenRows(const KernelTable& kernels, const Matrix& w, int64_t row, int64_t count, float* dst);

}  // namespace dear::cpu

#endif  // DEAR_KERNELS_CPU_WIDEN_ROWS_H_
