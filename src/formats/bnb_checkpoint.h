#ifndef DEAR_FORMATS_BNB_CHECKPOINT_H_
#define DEAR_FORMATS_BNB_CHECKPOINT_H_

#include <memory>
#include <string>

#include "formats/tensor_source.h"
#include "tensor/matrix.h"

namespace dear {

// The weight matrix `name` ("model.layers.0.self_attn.q_proj.weight") in whatever form the
// checkpoint holds it:
// - 4-bit of bitsandbytes, where NAME.quant_state.bitsandbytes__nf4 or __fp4 stands beside it
//   (NAME, NAME.absmax, NAME.nested_absmax, NAME.nested_quant_map);
// - int8 of bitsandbytes, where MODULE.SCB stands beside an int8 tensor;
// - any float or GGUF block type as it is.
// The values are those of bitsandbytes' dequantize_4bit and int8_vectorwise_dequant, rounded to the
// type in the quantisation state. Throws kNotFound, kInvalidFormat naming tensor and field (also
// for integers that have no scale beside them), kUnsupported.
std::shared_ptr<const Matrix> LoadWeight(const TensorSource& source, const std::string& name);

}  // namespace dear

#endif  // DEAR_FORMATS_BNB_CHECKPOINT_H_
