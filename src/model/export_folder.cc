#include "model/export_folder.h"

#include <algorithm>

#include "base/error.h"
#include "base/mapped_file.h"
#include "formats/safetensors.h"
#include "model/export_bnb.h"
#include "model/export_config.h"
#include "tensor/quantize.h"

namespace dear {
namespace fs = std::filesystem;
namespace {

bool IsBnb(FolderForm form) {
  return form == FolderForm::kNf4 || form == FolderForm::kFp4 || form == FolderForm::kInt8;
}

DType PlainType(const ExportTensor& tensor, FolderForm form) {
  switch (form) {
    case FolderForm::kF32: return DType::kF32;
    case FolderForm::kF16: return DType::kF16;
    case FolderForm::kBF16: return DType::kBF16;
    default: return tensor.stored;
  }
}

BnbForm Bnb(const ExportTensor& tensor, const FolderExportOptions& options) {
  return {.int8 = options.form == FolderForm::kInt8,
          .kind = options.form == FolderForm::kFp4 ? Bnb4Kind::kFp4 : Bnb4Kind::kNf4,
          .double_quant = options.double_quant,
          .rounding = tensor.stored};
}

Json QuantizationConfig(const FolderExportOptions& options, const std::string& dtype) {
  const bool int8 = options.form == FolderForm::kInt8;
  return {{"quant_method", "bitsandbytes"},
          {"load_in_4bit", !int8},
          {"load_in_8bit", int8},
          {"_load_in_4bit", !int8},
          {"_load_in_8bit", int8},
          {"bnb_4bit_compute_dtype", int8 ? "float32" : dtype},
          {"bnb_4bit_quant_storage", "uint8"},
          {"bnb_4bit_quant_type", options.form == FolderForm::kNf4 ? "nf4" : "fp4"},
          {"bnb_4bit_use_double_quant", options.double_quant},
          {"llm_int8_enable_fp32_cpu_offload", false},
          {"llm_int8_has_fp16_weight", false},
          {"llm_int8_skip_modules", nullptr},
          {"llm_int8_threshold", 6.0}};
}

void WriteJson(const fs::path& path, const Json& json) {
  const std::string text = json.dump(2) + "\n";
  WriteFileAtomically(path, std::as_bytes(std::span(text)));
}

// Hands the plan's tensors to the writer one at a time; one that becomes several is made once.
class Producer {
 public:
  Producer(const ExportPlan& plan, const std::string& folder, const FolderExportOptions& options)
      : plan_(plan), folder_(folder), options_(options) {
    for (size_t i = 0; i < plan.tensors.size(); ++i) {
      const ExportTensor& tensor = plan.tensors[i];
      const bool bnb = tensor.is_projection && IsBnb(options.form);
      const auto specs = bnb ? BnbSpecs(tensor.name, tensor.shape, Bnb(tensor, options))
                             : std::vector<TensorSpec>{
                                   {tensor.name, PlainType(tensor, options.form), tensor.shape}};
      for (const TensorSpec& spec : specs) {
        specs_.push_back(spec);
        sources_.push_back(i);
      }
    }
  }

  const std::vector<TensorSpec>& specs() const { return specs_; }

  void Write(size_t index, const WriteBytesFn& write) {
    const size_t source = sources_[index];
    if (source != made_from_) Make(source);
    for (const Tensor& tensor : made_)
      if (tensor.name == specs_[index].name) write(tensor.bytes);
  }

 private:
  void Make(size_t source) {
    if (options_.cancel && options_.cancel())
      throw Error(ErrorCode::kCancelled, folder_, "stopped before all tensors were written");
    if (options_.progress) {
      options_.progress("tensors", static_cast<int64_t>(source),
                        static_cast<int64_t>(plan_.tensors.size()));
    }
    made_from_ = source;
    made_.clear();
    const ExportTensor& tensor = plan_.tensors[source];
    const std::vector<float> values = tensor.values();
    if (tensor.is_projection && IsBnb(options_.form)) {
      made_ = BnbTensors(tensor.name, tensor.shape, Bnb(tensor, options_), values);
      return;
    }
    const DType dtype = PlainType(tensor, options_.form);
    std::vector<std::byte> bytes(*StorageBytes(dtype, values.size()));
    QuantizeFromF32(dtype, values.data(), tensor.elements(), bytes.data());
    made_.push_back(MakeTensor(tensor.name, dtype, tensor.shape, std::move(bytes)));
  }

  const ExportPlan& plan_;
  std::string folder_;
  const FolderExportOptions& options_;
  std::vector<TensorSpec> specs_;
  std::vector<size_t> sources_;  // of each spec, its place in the plan
  std::vector<Tensor> made_;
  size_t made_from_ = SIZE_MAX;
};

}  // namespace

void ExportFolder(const Checkpoint& source, const ExportPlan& plan, const fs::path& folder,
                  const FolderExportOptions& options) {
  // What most of the weights are: norms may be f32 in a bf16 model.
  const auto projection = std::ranges::find_if(plan.tensors, &ExportTensor::is_projection);
  const std::string dtype = TorchDTypeName(
      projection == plan.tensors.end() ? DType::kF32 : PlainType(*projection, options.form));
  Json config = ExportedConfig(source, plan.config, dtype);
  if (IsBnb(options.form)) config["quantization_config"] = QuantizationConfig(options, dtype);
  Producer producer(plan, folder.string(), options);
  WriteSafetensorsSharded(
      folder, producer.specs(),
      [&producer](size_t index, const WriteBytesFn& write) { producer.Write(index, write); },
      {{"format", "pt"}});
  const fs::path generation = source.path / "generation_config.json";
  if (!source.gguf && fs::exists(generation)) {
    WriteJson(folder / "generation_config.json", ReadJsonFile(generation));
  } else if (source.gguf && plan.config.head == HeadKind::kCausalLm) {
    Json json = {{"_from_model_config", true}};
    for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"})
      if (config.contains(key)) json[key] = config[key];
    WriteJson(folder / "generation_config.json", json);
  }
  // Last: a folder with a config.json is complete.
  WriteJson(folder / "config.json", config);
}

}  // namespace dear
