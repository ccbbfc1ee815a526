#ifndef DEAR_TENSOR_CASCADE_SUM_H_
#define DEAR_TENSOR_CASCADE_SUM_H_

#include <span>

namespace dear {

// The f32 sum of torch.sum over contiguous numbers on one CPU thread, bit for bit: eight lanes,
// four interleaved partial sums of each, added up in cascades of four levels
// (ATen/native/cpu/SumKernel.cpp, AVX2 form, which machines with AVX-512 use too).
float CascadeSum(std::span<const float> values);

}  // namespace dear

#endif  // DEAR_TENSOR_CASCADE_SUM_H_
