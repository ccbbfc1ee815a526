#ifndef DEAR_MODEL_MERGE_H_
#define DEAR_MODEL_MERGE_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "base/thread_pool.h"
#include "model/adapter.h"
#include "tensor/matrix.h"

namespace dear {

// Calls visit(row, values [cols]) for every row of W + scaling * B A (DoRA's rescaling left out),
// from the threads of `pool` at once.
void ForEachAdaptedRow(const Matrix& weight, const ModuleDelta& delta, ThreadPool& pool,
                       const std::function<void(int64_t row, float* values)>& visit);

// DoRA's norms of W + scaling * B A: of each row, or of each column of an embedding. The bits do
// not depend on the threads.
std::vector<float> AdaptedNorms(const Matrix& weight, const ModuleDelta& delta, ThreadPool& pool);

// DoRA's norm and scale of `delta` from its magnitude and its factors.
void UpdateDora(const Matrix& weight, ModuleDelta& delta, ThreadPool& pool);

}  // namespace dear

#endif  // DEAR_MODEL_MERGE_H_
