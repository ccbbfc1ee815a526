#include "formats/gguf_model.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "formats/renamed_tensors.h"

namespace dear {
namespace {

struct Renaming {
  std::string_view gguf;
  std::string_view transformers;
};

constexpr Renaming kWhole[] = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
};

constexpr Renaming kInLayer[] = {
    {"attn_norm", "input_layernorm"},    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},      {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"}, {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"}, {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
};

template <size_t N>
std::optional<std::string_view> Lookup(const Renaming (&table)[N], std::string_view gguf) {
  for (const Renaming& entry : table) {
    if (entry.gguf == gguf) return entry.transformers;
  }
  return std::nullopt;
}

// "blk.3.attn_q.weight" -> "model.layers.3.self_attn.q_proj.weight"; nullopt for a name of no part
// of these families.
std::optional<std::string> TransformersName(std::string_view name) {
  const size_t last_dot = name.rfind('.');
  if (last_dot == std::string_view::npos) return std::nullopt;
  const std::string_view suffix = name.substr(last_dot);  // ".weight"
  if (suffix != ".weight" && suffix != ".bias") return std::nullopt;
  std::string_view module = name.substr(0, last_dot);
  if (const auto whole = Lookup(kWhole, module)) return std::string(*whole) + std::string(suffix);
  constexpr std::string_view kLayer = "blk.";
  if (!module.starts_with(kLayer)) return std::nullopt;
  module.remove_prefix(kLayer.size());
  const size_t dot = module.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  int layer = 0;
  const auto [end, error] = std::from_chars(module.data(), module.data() + dot, layer);
  if (error != std::errc() || end != module.data() + dot || layer < 0) return std::nullopt;
  const auto part = Lookup(kInLayer, module.substr(dot + 1));
  if (!part) return std::nullopt;
  return "model.layers." + std::to_string(layer) + "." + std::string(*part) + std::string(suffix);
}

// Rows 2i and 2i+1 of a head are stored where transformers has rows i and i + head_dim / 2.
Tensor UnpermuteRows(Tensor tensor, int64_t num_heads, int64_t head_dim) {
  if (tensor.shape.empty() || tensor.shape[0] != num_heads * head_dim) {
    throw Error(ErrorCode::kInvalidFormat, tensor.Where(),
                "expected " + std::to_string(num_heads * head_dim) + " rows, found shape " +
                    tensor.ShapeString());
  }
  if (tensor.bytes.empty()) return tensor;  // of no columns; who asks refuses the shape
  const size_t row_bytes = tensor.bytes.size() / static_cast<size_t>(tensor.shape[0]);
  auto buffer = std::make_shared<std::vector<std::byte>>(tensor.bytes.size());
  const auto half = head_dim / 2;
  for (int64_t row = 0; row < tensor.shape[0]; ++row) {
    const int64_t within = row % head_dim;
    const int64_t stored = row - within + 2 * (within % half) + within / half;
    std::memcpy(buffer->data() + static_cast<size_t>(row) * row_bytes,
                tensor.bytes.data() + static_cast<size_t>(stored) * row_bytes, row_bytes);
  }
  tensor.bytes = *buffer;
  tensor.owner = std::move(buffer);
  return tensor;
}

// Transformers' name -> the file's.
RenamedTensors::NameMap TransformersNames(const GgufFile& file) {
  RenamedTensors::NameMap names;
  for (const std::string& name : file.Names()) {
    if (name == "rope_freqs.weight") continue;  // part of the configuration
    auto renamed = TransformersName(name);
    if (!renamed) {
      throw Error(ErrorCode::kUnsupported, file.origin(),
                  "tensor '" + name + "' has no place in the families that are supported");
    }
    names.emplace(*std::move(renamed), name);
  }
  return names;
}

class GgufTensors : public RenamedTensors {
 public:
  GgufTensors(const std::shared_ptr<const GgufFile>& file, const ModelConfig& config)
      : RenamedTensors(file, TransformersNames(*file)),
        num_heads_(config.num_heads),
        num_kv_heads_(config.num_kv_heads),
        head_dim_(config.head_dim),
        permuted_(file->String("general.architecture") == "llama") {}

  Tensor Get(std::string_view name) const override {
    Tensor tensor = RenamedTensors::Get(name);
    tensor.name = name;
    if (!permuted_) return tensor;
    if (name.find(".self_attn.q_proj.") != std::string_view::npos) {
      return UnpermuteRows(std::move(tensor), num_heads_, head_dim_);
    }
    if (name.find(".self_attn.k_proj.") != std::string_view::npos) {
      return UnpermuteRows(std::move(tensor), num_kv_heads_, head_dim_);
    }
    return tensor;
  }

 private:
  int64_t num_heads_;
  int64_t num_kv_heads_;
  int64_t head_dim_;
  bool permuted_;
};

}  // namespace

std::shared_ptr<const TensorSource> OpenGgufTensors(const std::shared_ptr<const GgufFile>& file,
                                                    const ModelConfig& config) {
  return std::make_shared<GgufTensors>(file, config);
}

}  // namespace dear
