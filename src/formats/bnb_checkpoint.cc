#include "formats/bnb_checkpoint.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "tensor/bnb4.h"

namespace dear {
namespace {

constexpr size_t kMaxStateBytes = 65536;
constexpr int64_t kMaxExtent = int64_t{1} << 31;

[[noreturn]] void Fail(const Tensor& tensor, const std::string& what) {
  throw Error(ErrorCode::kInvalidFormat, tensor.Where(), what);
}

// Everything of a quantisation state that is no tensor: JSON in a tensor of bytes.
struct QuantState {
  Tensor tensor;  // for messages
  Json json;
};

QuantState ReadState(const TensorSource& source, const std::string& key) {
  QuantState state{source.Get(key), {}};
  if (state.tensor.dtype != DType::kU8 || state.tensor.bytes.size() > kMaxStateBytes) {
    Fail(state.tensor, "expected a short text as bytes");
  }
  const std::string_view text(reinterpret_cast<const char*>(state.tensor.bytes.data()),
                              state.tensor.bytes.size());
  state.json = ParseJson(text, state.tensor.Where());
  return state;
}

// functional.py dequantize_4bit and dequantize_blockwise take these alone.
int64_t BlockSize(const JsonFields& fields, const char* key) {
  const int64_t size = fields.RequireInt(key);
  if (size < 32 || size > 4096 || (size & (size - 1)) != 0) {
    fields.Fail(key, std::to_string(size) + " is no power of two in 32..4096");
  }
  return size;
}

std::vector<int64_t> Shape(const JsonFields& fields) {
  const Json* list = fields.Find("shape");
  if (list == nullptr || !list->is_array() || list->size() != 2) {
    fields.Fail("shape", "expected two numbers");
  }
  std::vector<int64_t> shape;
  for (const Json& extent : *list) {
    if (!extent.is_number_integer() || extent < 1 || extent >= kMaxExtent) {
      fields.Fail("shape", "expected positive numbers below " + std::to_string(kMaxExtent));
    }
    shape.push_back(extent.get<int64_t>());
  }
  return shape;
}

DType Rounding(const JsonFields& fields) {
  const std::string name = fields.RequireString("dtype");
  if (name == "float32") return DType::kF32;
  if (name == "float16") return DType::kF16;
  if (name == "bfloat16") return DType::kBF16;
  fields.Fail("dtype", "expected float32, float16 or bfloat16, found '" + name + "'");
}

std::vector<float> F32Values(const TensorSource& source, const std::string& name, uint64_t count) {
  const Tensor tensor = source.Get(name);
  if (tensor.dtype != DType::kF32 || static_cast<uint64_t>(tensor.elements()) != count) {
    Fail(tensor, "expected " + std::to_string(count) + " f32 numbers, found " +
                     std::string(DTypeName(tensor.dtype)) + " " + tensor.ShapeString());
  }
  return ToF32(tensor);
}

uint64_t CeilDivide(uint64_t value, uint64_t by) {
  return value / by + (value % by != 0 ? 1 : 0);
}

// The scales of the blocks, double quantisation undone.
std::vector<float> ReadAbsmax(const TensorSource& source, const std::string& name,
                              const JsonFields& fields, uint64_t blocks) {
  if (!source.Contains(name + ".nested_absmax")) {
    return F32Values(source, name + ".absmax", blocks);
  }
  const Tensor quantized = source.Get(name + ".absmax");
  if (quantized.dtype != DType::kU8 || quantized.bytes.size() != blocks) {
    Fail(quantized, "expected " + std::to_string(blocks) + " bytes, found " +
                        std::string(DTypeName(quantized.dtype)) + " " + quantized.ShapeString());
  }
  Bnb4NestedAbsmax nested;
  nested.block_size = BlockSize(fields, "nested_blocksize");
  if (fields.String("nested_dtype", "float32") != "float32") {
    fields.Fail("nested_dtype", "expected float32");
  }
  const auto offset = fields.Number("nested_offset");
  if (!offset) fields.Fail("nested_offset", "missing");
  nested.offset = static_cast<float>(*offset);
  if (!std::isfinite(nested.offset)) fields.Fail("nested_offset", "expected a finite number");
  nested.quantized.resize(blocks);
  if (blocks > 0) std::memcpy(nested.quantized.data(), quantized.bytes.data(), blocks);
  nested.absmax = F32Values(source, name + ".nested_absmax",
                            CeilDivide(blocks, static_cast<uint64_t>(nested.block_size)));
  const auto code = F32Values(source, name + ".nested_quant_map", nested.code.size());
  std::copy(code.begin(), code.end(), nested.code.begin());
  return UnnestAbsmax(nested);
}

std::shared_ptr<const Matrix> Load4Bit(const TensorSource& source, const std::string& name,
                                       Bnb4Kind kind, const std::string& state_key) {
  const QuantState state = ReadState(source, state_key);
  const JsonFields fields(state.json, state.tensor.Where());
  const std::string type = fields.RequireString("quant_type");
  if (type != (kind == Bnb4Kind::kNf4 ? "nf4" : "fp4")) {
    fields.Fail("quant_type", "'" + type + "' is not what the tensor's name says");
  }
  const Tensor packed = source.Get(name);
  Bnb4Weight weight;
  weight.kind = kind;
  weight.block_size = BlockSize(fields, "blocksize");
  weight.rounding = Rounding(fields);
  weight.shape = Shape(fields);
  weight.code = Bnb4Code(kind);
  const auto elements = static_cast<uint64_t>(weight.elements());
  // Whatever the type that holds the nibbles (bnb_4bit_quant_storage), they are bytes.
  if (packed.bytes.size() != CeilDivide(elements, 2)) {
    Fail(packed, "holds " + std::to_string(packed.bytes.size()) + " bytes, expected " +
                     std::to_string(CeilDivide(elements, 2)) + " for the shape [" +
                     std::to_string(weight.shape[0]) + ", " + std::to_string(weight.shape[1]) +
                     "] of its quantisation state");
  }
  weight.packed = packed.bytes;
  weight.absmax = ReadAbsmax(source, name, fields,
                             CeilDivide(elements, static_cast<uint64_t>(weight.block_size)));
  try {
    return MakeMatrix(std::move(weight), packed.owner);
  } catch (const Error& error) {
    throw error.Within(packed.Where());
  }
}

std::shared_ptr<const Matrix> LoadInt8(const TensorSource& source, const std::string& module,
                                       Tensor tensor) {
  // Older versions wrote the layout: 0 is rows, the others are of particular GPUs.
  const std::string format_key = module + ".weight_format";
  if (source.Contains(format_key)) {
    const Tensor format = source.Get(format_key);
    if (format.dtype != DType::kU8 || format.bytes.size() != 1 || format.bytes[0] != std::byte{0}) {
      throw Error(ErrorCode::kUnsupported, format.Where(), "only the layout by rows (0) is read");
    }
  }
  return MakeInt8Matrix(std::move(tensor), source.Get(module + ".SCB"));
}

bool IsInteger(DType dtype) {
  switch (dtype) {
    case DType::kI64:
    case DType::kI32:
    case DType::kI16:
    case DType::kI8:
    case DType::kU64:
    case DType::kU32:
    case DType::kU16:
    case DType::kU8:
    case DType::kBool: return true;
    default: return false;
  }
}

}  // namespace

std::shared_ptr<const Matrix> LoadWeight(const TensorSource& source, const std::string& name) {
  for (const auto& [kind, suffix] : {std::pair(Bnb4Kind::kNf4, "nf4"), {Bnb4Kind::kFp4, "fp4"}}) {
    const std::string key = name + ".quant_state.bitsandbytes__" + suffix;
    if (source.Contains(key)) return Load4Bit(source, name, kind, key);
  }
  Tensor tensor = source.Get(name);
  constexpr std::string_view kWeight = ".weight";
  if (tensor.dtype == DType::kI8 && name.ends_with(kWeight)) {
    const std::string module = name.substr(0, name.size() - kWeight.size());
    if (source.Contains(module + ".SCB")) return LoadInt8(source, module, std::move(tensor));
  }
  if (IsInteger(tensor.dtype)) {
    Fail(tensor, "holds integers of type " + std::string(DTypeName(tensor.dtype)) +
                     " with no scale or quantisation state beside them");
  }
  return MakeMatrix(std::move(tensor));
}

}  // namespace dear
