#include "model/export_gguf.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "tensor/quantize.h"

namespace dear {
namespace {

// general.file_type of llama.h, by the type of most matrices.
uint32_t FileType(DType dtype) {
  switch (dtype) {
    case DType::kF32: return 0;
    case DType::kF16: return 1;
    case DType::kQ4_0: return 2;
    case DType::kQ4_1: return 3;
    case DType::kQ8_0: return 7;
    case DType::kQ5_0: return 8;
    case DType::kQ5_1: return 9;
    case DType::kBF16: return 32;
    default: return 1024;  // "guessed"
  }
}

std::string GgufName(const std::string& name) {
  static constexpr std::pair<std::string_view, std::string_view> kWhole[] = {
      {"model.embed_tokens.", "token_embd."},
      {"model.norm.", "output_norm."},
      {"lm_head.", "output."}};
  static constexpr std::pair<std::string_view, std::string_view> kInLayer[] = {
      {"input_layernorm.", "attn_norm."},    {"self_attn.q_proj.", "attn_q."},
      {"self_attn.k_proj.", "attn_k."},      {"self_attn.v_proj.", "attn_v."},
      {"self_attn.o_proj.", "attn_output."}, {"self_attn.q_norm.", "attn_q_norm."},
      {"self_attn.k_norm.", "attn_k_norm."}, {"post_attention_layernorm.", "ffn_norm."},
      {"mlp.gate_proj.", "ffn_gate."},       {"mlp.up_proj.", "ffn_up."},
      {"mlp.down_proj.", "ffn_down."}};
  for (const auto& [ours, theirs] : kWhole)
    if (name.starts_with(ours)) return std::string(theirs) + name.substr(ours.size());
  constexpr std::string_view kLayer = "model.layers.";
  if (name.starts_with(kLayer)) {
    const size_t dot = name.find('.', kLayer.size());
    const std::string number = name.substr(kLayer.size(), dot - kLayer.size());
    const std::string part = name.substr(dot + 1);
    for (const auto& [ours, theirs] : kInLayer) {
      if (part.starts_with(ours))
        return "blk." + number + "." + std::string(theirs) + part.substr(ours.size());
    }
  }
  throw Error(ErrorCode::kUnsupported, name, "has no name in GGUF");
}

std::string Architecture(const ModelConfig& config) {
  return config.family == "mistral" ? "llama" : config.family;
}

void CheckExpressible(const ModelConfig& config, const std::string& origin) {
  const auto refuse = [&origin](const std::string& what) {
    throw Error(ErrorCode::kUnsupported, origin,
                what + " cannot be written as GGUF; write a folder");
  };
  if (config.head != HeadKind::kCausalLm) refuse("a classification head");
  if (config.mlp_bias) refuse("MLP biases");
  if (config.o_bias) refuse("attention biases");
  if (config.qkv_bias && config.family != "qwen2") refuse("attention biases");
  for (const int64_t window : config.sliding_windows)
    if (window > 0 && window < config.max_positions) refuse("a sliding window");
}

void SetRope(const RopeConfig& rope, const std::string& prefix, GgufWriter& writer) {
  writer.SetF32(prefix + "rope.freq_base", static_cast<float>(rope.theta));
  if (rope.kind == RopeKind::kLinear || rope.kind == RopeKind::kYarn) {
    writer.SetString(prefix + "rope.scaling.type",
                     rope.kind == RopeKind::kYarn ? "yarn" : "linear");
    writer.SetF32(prefix + "rope.scaling.factor", static_cast<float>(rope.factor));
  }
  if (rope.kind != RopeKind::kYarn) return;
  writer.SetU32(prefix + "rope.scaling.original_context_length",
                static_cast<uint32_t>(rope.original_max_positions));
  writer.SetF32(prefix + "rope.scaling.yarn_beta_fast", static_cast<float>(rope.beta_fast));
  writer.SetF32(prefix + "rope.scaling.yarn_beta_slow", static_cast<float>(rope.beta_slow));
  if (rope.mscale || rope.mscale_all_dim || !rope.truncate)
    throw Error(ErrorCode::kUnsupported, "rope_scaling",
                "this form of yarn cannot be written as GGUF");
  if (rope.attention_factor) {
    const double usual = rope.factor <= 1 ? 1.0 : 0.1 * std::log(rope.factor) + 1.0;
    writer.SetF32(prefix + "rope.scaling.attn_factor",
                  static_cast<float>(*rope.attention_factor / usual));
  }
}

void SetModel(const ModelConfig& config, DType dtype, const std::string& name, GgufWriter& writer) {
  const std::string architecture = Architecture(config);
  const std::string prefix = architecture + ".";
  const auto count = [&](const char* key, int64_t value) {
    writer.SetU32(prefix + key, static_cast<uint32_t>(value));
  };
  writer.SetString("general.architecture", architecture);
  writer.SetString("general.name", name);
  writer.SetU32("general.file_type", FileType(dtype));
  writer.SetU32("general.quantization_version", 2);
  count("block_count", config.num_layers);
  count("context_length", config.max_positions);
  count("embedding_length", config.hidden_size);
  count("feed_forward_length", config.intermediate_size);
  count("attention.head_count", config.num_heads);
  count("attention.head_count_kv", config.num_kv_heads);
  count("attention.key_length", config.head_dim);
  count("attention.value_length", config.head_dim);
  count("rope.dimension_count", config.head_dim);
  count("vocab_size", config.vocab_size);
  writer.SetF32(prefix + "attention.layer_norm_rms_epsilon",
                static_cast<float>(config.rms_norm_eps));
  SetRope(config.rope, prefix, writer);
}

// transformers' rows i and i + head_dim / 2 of a head stand side by side in llama's files.
void PermuteRows(std::vector<float>& values, int64_t rows, int64_t head_dim) {
  const auto cols = values.size() / static_cast<size_t>(rows);
  std::vector<float> out(values.size());
  const int64_t half = head_dim / 2;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t within = row % head_dim;
    const int64_t stored = row - within + 2 * (within % half) + within / half;
    std::memcpy(out.data() + static_cast<size_t>(stored) * cols,
                values.data() + static_cast<size_t>(row) * cols, cols * sizeof(float));
  }
  values = std::move(out);
}

DType TypeOf(const ExportTensor& tensor, DType wanted) {
  if (tensor.shape.size() < 2) return DType::kF32;
  const bool small = IsBlockQuantized(wanted) && wanted != DType::kQ8_0;
  if (small && !tensor.is_projection) wanted = DType::kQ8_0;
  return tensor.shape[1] % Traits(wanted).block_elements == 0 ? wanted : DType::kF16;
}

// A tensor of the file and where its numbers come from.
struct FilePart {
  std::function<std::vector<float>()> values;
  bool plus_one = false;
  int64_t permuted_rows = 0;
};

}  // namespace

std::vector<float> Llama3Divisors(const RopeConfig& rope, int64_t head_dim) {
  const auto original = static_cast<double>(rope.original_max_positions);
  std::vector<float> divisors;
  for (int64_t i = 0; i < head_dim / 2; ++i) {
    const double wavelength =
        2 * std::numbers::pi *
        std::pow(rope.theta, 2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
    if (wavelength < original / rope.high_freq_factor) {
      divisors.push_back(1);
    } else if (wavelength > original / rope.low_freq_factor) {
      divisors.push_back(static_cast<float>(rope.factor));
    } else {
      const double smooth = (original / wavelength - rope.low_freq_factor) /
                            (rope.high_freq_factor - rope.low_freq_factor);
      divisors.push_back(static_cast<float>(1 / ((1 - smooth) / rope.factor + smooth)));
    }
  }
  return divisors;
}

void ExportGguf(const Checkpoint& source, const ExportPlan& plan, GgufWriter writer,
                const std::filesystem::path& path, const GgufExportOptions& options) {
  const ModelConfig& config = plan.config;
  CheckExpressible(config, source.path.string());
  std::string name = config.name_or_path;
  if (name.empty()) name = source.path.stem().string();
  SetModel(config, options.dtype, name, writer);

  std::vector<TensorSpec> specs;
  std::vector<FilePart> parts;
  std::vector<float> divisors = config.rope.frequency_divisors;
  if (config.rope.kind == RopeKind::kLlama3)
    divisors = Llama3Divisors(config.rope, config.head_dim);
  if (!divisors.empty()) {
    specs.push_back({"rope_freqs.weight", DType::kF32, {static_cast<int64_t>(divisors.size())}});
    parts.push_back({.values = [divisors] { return divisors; }});
  }
  const bool permuted = Architecture(config) == "llama";
  for (const ExportTensor& tensor : plan.tensors) {
    specs.push_back({GgufName(tensor.name), TypeOf(tensor, options.dtype), tensor.shape});
    const bool rotated = tensor.name.find(".q_proj.") != std::string::npos ||
                         tensor.name.find(".k_proj.") != std::string::npos;
    parts.push_back({.values = tensor.values,
                     // llama.cpp's norm multiplies by the weight; gemma's by one more.
                     .plus_one = config.family == "gemma" && tensor.shape.size() == 1,
                     .permuted_rows = permuted && rotated ? tensor.shape[0] : 0});
  }
  writer.Write(path, specs, [&](size_t index, const WriteBytesFn& write) {
    if (options.cancel && options.cancel())
      throw Error(ErrorCode::kCancelled, path.string(), "stopped before all tensors were written");
    if (options.progress)
      options.progress("tensors", static_cast<int64_t>(index), static_cast<int64_t>(specs.size()));
    std::vector<float> values = parts[index].values();
    if (parts[index].plus_one)
      for (float& value : values) value += 1;
    if (parts[index].permuted_rows > 0)
      PermuteRows(values, parts[index].permuted_rows, config.head_dim);
    std::vector<std::byte> bytes(TensorBytes(specs[index]));
    QuantizeFromF32(specs[index].dtype, values.data(), static_cast<int64_t>(values.size()),
                    bytes.data());
    write(bytes);
  });
}

}  // namespace dear
