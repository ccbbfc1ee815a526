#include "model/export_bnb.h"

#include <algorithm>
#include <cmath>

#include "base/ceil_div.h"
#include "base/json.h"

namespace dear {
namespace {

constexpr int64_t kBlock = 64;
constexpr int64_t kNestedBlock = 256;
// The state's JSON is filled up with blanks to one length, so that it is known before the numbers.
constexpr size_t kStateBytes = 320;

template <typename Range>
std::vector<std::byte> BytesOf(const Range& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

std::vector<std::vector<std::byte>> Int8Bytes(const std::vector<int64_t>& shape,
                                              std::span<const float> values) {
  const auto cols = static_cast<size_t>(shape[1]);
  std::vector<int8_t> quantized(values.size());
  std::vector<float> absmax(static_cast<size_t>(shape[0]));
  for (size_t row = 0; row < absmax.size(); ++row) {
    const auto weights = values.subspan(row * cols, cols);
    for (const float w : weights) absmax[row] = std::max(absmax[row], std::fabs(w));
    const float scale = absmax[row] > 0 ? 127.0F / absmax[row] : 0.0F;
    for (size_t i = 0; i < cols; ++i)
      quantized[row * cols + i] = static_cast<int8_t>(std::nearbyint(weights[i] * scale));
  }
  return {BytesOf(quantized), BytesOf(absmax), std::vector<std::byte>(1)};
}

std::vector<std::vector<std::byte>> Bnb4Bytes(const std::vector<int64_t>& shape,
                                              const BnbForm& form, std::span<const float> values) {
  Bnb4Quantized quantized = QuantizeBnb4(form.kind, values, kBlock);
  Json state = {{"quant_type", form.kind == Bnb4Kind::kNf4 ? "nf4" : "fp4"},
                {"blocksize", kBlock},
                {"dtype", TorchDTypeName(form.rounding)},
                {"shape", shape}};
  std::vector<std::vector<std::byte>> out;
  out.push_back(std::move(quantized.packed));
  if (form.double_quant) {
    const Bnb4NestedAbsmax nested = NestAbsmax(quantized.absmax);
    state["nested_blocksize"] = nested.block_size;
    state["nested_dtype"] = "float32";
    state["nested_offset"] = nested.offset;
    out.push_back(BytesOf(nested.quantized));
    out.push_back(BytesOf(nested.absmax));
    out.push_back(BytesOf(nested.code));
  } else {
    out.push_back(BytesOf(quantized.absmax));
  }
  out.push_back(BytesOf(Bnb4Code(form.kind)));
  std::string json = state.dump();
  json.resize(std::max(json.size(), kStateBytes), ' ');
  out.push_back(BytesOf(json));
  return out;
}

}  // namespace

std::string TorchDTypeName(DType dtype) {
  if (dtype == DType::kF32) return "float32";
  return dtype == DType::kF16 ? "float16" : "bfloat16";
}

std::vector<TensorSpec> BnbSpecs(const std::string& name, const std::vector<int64_t>& shape,
                                 const BnbForm& form) {
  if (form.int8) {
    const std::string module = name.substr(0, name.rfind(".weight"));
    return {{name, DType::kI8, shape},
            {module + ".SCB", DType::kF32, {shape[0]}},
            {module + ".weight_format", DType::kU8, {}}};
  }
  const int64_t elements = shape[0] * shape[1];
  const int64_t blocks = CeilDiv(elements, kBlock);
  std::vector<TensorSpec> specs = {{name, DType::kU8, {CeilDiv(elements, 2), 1}}};
  if (form.double_quant) {
    specs.push_back({name + ".absmax", DType::kU8, {blocks}});
    specs.push_back({name + ".nested_absmax", DType::kF32, {CeilDiv(blocks, kNestedBlock)}});
    specs.push_back({name + ".nested_quant_map", DType::kF32, {256}});
  } else {
    specs.push_back({name + ".absmax", DType::kF32, {blocks}});
  }
  specs.push_back({name + ".quant_map", DType::kF32, {16}});
  specs.push_back(
      {name + ".quant_state.bitsandbytes__" + (form.kind == Bnb4Kind::kNf4 ? "nf4" : "fp4"),
       DType::kU8,
       {static_cast<int64_t>(kStateBytes)}});
  return specs;
}

std::vector<Tensor> BnbTensors(const std::string& name, const std::vector<int64_t>& shape,
                               const BnbForm& form, std::span<const float> values) {
  const std::vector<TensorSpec> specs = BnbSpecs(name, shape, form);
  auto bytes = form.int8 ? Int8Bytes(shape, values) : Bnb4Bytes(shape, form, values);
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < specs.size(); ++i)
    tensors.push_back(
        MakeTensor(specs[i].name, specs[i].dtype, specs[i].shape, std::move(bytes[i])));
  return tensors;
}

}  // namespace dear
