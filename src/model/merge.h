#ifndef DEAR_MODEL_MERGE_H_
#define DEAR_MODEL_MERGE_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "model/adapter.h"
#include "tensor/matrix.h"

namespace dear {

// Calls visit(row, values [cols]) for every row of W + scaling * B A (DoRA's rescaling left out),
// from several threads at once.
void ForEachAdaptedRow(const Matrix& weight, const ModuleDelta& delta,
                       const std::function<void(int64_t row, float* values)>& visit);

// DoRA's norms of W + scaling * B A: of each row, or of each column of an embedding.
std::vector<float> AdaptedNorms(const Matrix& weight, const ModuleDelta& delta);

}  // namespace dear

#endif  // DEAR_MODEL_MERGE_H_
