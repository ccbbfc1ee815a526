#ifndef DEAR_MODEL_EXPORT_BNB_H_
#define DEAR_MODEL_EXPORT_BNB_H_

#include <span>
#include <string>
#include <vector>

#include "formats/tensor_stream.h"
#include "tensor/bnb4.h"
#include "tensor/tensor.h"

namespace dear {

// How one weight matrix [rows, cols] is written in bitsandbytes' form.
struct BnbForm {
  bool int8 = false;
  Bnb4Kind kind = Bnb4Kind::kNf4;
  bool double_quant = false;
  DType rounding = DType::kBF16;  // the type that the weight had
};

// "float32", "float16" or "bfloat16".
std::string TorchDTypeName(DType dtype);

// The tensors that stand for the weight `name` ("….weight"), known before its numbers are.
std::vector<TensorSpec> BnbSpecs(const std::string& name, const std::vector<int64_t>& shape,
                                 const BnbForm& form);

// The same with their bytes. 4-bit: QuantState.as_dict(packed=True) of bitsandbytes, blocks of 64.
// int8: LLM.int8's rows, q = round(w * 127 / absmax of the row), absmax kept as SCB.
std::vector<Tensor> BnbTensors(const std::string& name, const std::vector<int64_t>& shape,
                               const BnbForm& form, std::span<const float> values);

}  // namespace dear

#endif  // DEAR_MODEL_EXPORT_BNB_H_
