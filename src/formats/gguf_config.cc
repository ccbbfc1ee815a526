// GGUF metadata as a ModelConfig. It is first put as a config.json, so that every check of
// ParseModelConfig holds for both containers.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/error.h"
#include "formats/gguf_model.h"

namespace dear {
namespace {

class Metadata {
 public:
  explicit Metadata(const GgufFile& file) : file_(file), prefix_(Architecture() + ".") {}

  std::string Architecture() const {
    if (auto name = file_.String("general.architecture")) return *std::move(name);
    Fail("general.architecture", "missing");
  }
  std::string Key(const char* key) const { return prefix_ + key; }
  bool Has(const char* key) const { return file_.metadata().count(Key(key)) != 0; }

  // A number that is there once for all layers, or as a list that says the same for each.
  std::optional<int64_t> Int(const char* key) const {
    const std::string full = Key(key);
    const auto found = file_.metadata().find(full);
    if (found == file_.metadata().end() ||
        !std::holds_alternative<std::vector<int64_t>>(found->second)) {
      return file_.Int(full);
    }
    const auto& list = std::get<std::vector<int64_t>>(found->second);
    if (list.empty()) Fail(full, "is an empty list");
    if (std::any_of(list.begin(), list.end(), [&](int64_t value) { return value != list[0]; })) {
      Unsupported("layers of different sizes ('" + full + "')");
    }
    return list[0];
  }
  int64_t RequireInt(const char* key) const {
    if (const auto value = Int(key)) return *value;
    Fail(Key(key), "missing");
  }
  std::optional<double> Number(const char* key) const { return file_.Number(Key(key)); }
  double RequireNumber(const char* key) const {
    if (const auto value = Number(key)) return *value;
    Fail(Key(key), "missing");
  }
  std::optional<std::string> String(const char* key) const { return file_.String(Key(key)); }

  const GgufFile& file() const { return file_; }

  [[noreturn]] void Fail(const std::string& key, const std::string& what) const {
    throw Error(ErrorCode::kInvalidFormat, file_.origin(), "metadata '" + key + "': " + what);
  }
  [[noreturn]] void Unsupported(const std::string& what) const {
    throw Error(ErrorCode::kUnsupported, file_.origin(), what + " is not supported");
  }

 private:
  const GgufFile& file_;
  std::string prefix_;
};

void RefuseOtherModels(const Metadata& data) {
  const std::string architecture = data.Architecture();
  if (architecture != "llama" && architecture != "qwen2" && architecture != "qwen3" &&
      architecture != "gemma") {
    data.Unsupported("GGUF architecture '" + architecture +
                     "' (llama, qwen2, qwen3 and gemma are) ");
  }
  for (const char* key : {"expert_count", "expert_used_count"}) {
    if (data.Int(key).value_or(0) != 0) {
      data.Unsupported("a mixture of experts ('" + data.Key(key) + "')");
    }
  }
  for (const char* key : {"attention.scale", "logit_scale", "residual_scale", "embedding_scale",
                          "attn_logit_softcapping", "final_logit_softcapping",
                          "attention.clamp_kqv", "attention.max_alibi_bias"}) {
    if (data.Number(key).value_or(0.0) != 0.0) data.Unsupported("'" + data.Key(key) + "'");
  }
  if (!data.file().Bool(data.Key("attention.causal")).value_or(true)) {
    data.Unsupported("attention that is not causal");
  }
}

int64_t HeadDim(const Metadata& data, int64_t hidden_size, int64_t num_heads) {
  const auto key_length = data.Int("attention.key_length");
  const auto value_length = data.Int("attention.value_length");
  if (!key_length && (num_heads < 1 || hidden_size % num_heads != 0)) {
    data.Fail(data.Key("attention.head_count"), "does not divide the embedding length");
  }
  const int64_t head_dim = key_length ? *key_length : hidden_size / num_heads;
  if (value_length.value_or(head_dim) != head_dim) {
    data.Unsupported("values of another width than keys ('" + data.Key("attention.value_length") +
                     "')");
  }
  if (data.Int("rope.dimension_count").value_or(head_dim) != head_dim) {
    data.Unsupported("rope over a part of the head ('" + data.Key("rope.dimension_count") + "')");
  }
  return head_dim;
}

// The scaling keys of the GGUF specification. Yarn's attention factor is
// attn_factor * (0.1 ln(factor) + 1), with which transformers' default agrees where it is 1.
Json RopeScaling(const Metadata& data) {
  const std::string type = data.String("rope.scaling.type").value_or("none");
  const auto factor = data.Number("rope.scaling.factor");
  if (type == "none") {
    const double legacy = data.Number("rope.scale_linear").value_or(1.0);
    if (legacy == 1.0 || legacy == 0.0) return nullptr;
    return {{"rope_type", "linear"}, {"factor", legacy}};
  }
  if (!factor) data.Fail(data.Key("rope.scaling.factor"), "missing");
  if (type == "linear") return {{"rope_type", "linear"}, {"factor", *factor}};
  if (type != "yarn") data.Unsupported("rope scaling '" + type + "'");

  Json scaling = {{"rope_type", "yarn"}, {"factor", *factor}};
  if (const auto original = data.Int("rope.scaling.original_context_length")) {
    scaling["original_max_position_embeddings"] = *original;
  }
  if (data.Number("rope.scaling.yarn_log_multiplier").value_or(0.0) != 0.0 ||
      data.Number("rope.scaling.yarn_ext_factor").value_or(1.0) != 1.0) {
    data.Unsupported("a variant of yarn ('" + data.Key("rope.scaling.yarn_…") + "')");
  }
  double attention = data.Number("rope.scaling.attn_factor").value_or(1.0);
  attention *= data.Number("rope.scaling.yarn_attn_factor").value_or(1.0);
  if (attention != 1.0) {
    scaling["attention_factor"] = attention * (*factor <= 1 ? 1.0 : 0.1 * std::log(*factor) + 1.0);
  }
  scaling["beta_fast"] = data.Number("rope.scaling.yarn_beta_fast").value_or(32.0);
  scaling["beta_slow"] = data.Number("rope.scaling.yarn_beta_slow").value_or(1.0);
  return scaling;
}

int64_t VocabSize(const Metadata& data) {
  const Tensor embedding = data.file().Get("token_embd.weight");
  if (embedding.shape.size() != 2) {
    throw Error(ErrorCode::kInvalidFormat, embedding.Where(),
                "expected two dimensions, found " + embedding.ShapeString());
  }
  return embedding.shape[0];
}

// Whether the text is UTF-8: a string of the metadata may be anything, one in JSON may not.
bool IsUtf8(const std::string& text) {
  try {
    static_cast<void>(Json(text).dump());
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

std::string ModelName(const GgufFile& file) {
  std::string name = file.String("general.name").value_or("");
  return IsUtf8(name) ? name : "";
}

// config.json of the same model, as far as it concerns the numbers.
Json AsConfigJson(const Metadata& data) {
  const int64_t hidden_size = data.RequireInt("embedding_length");
  const int64_t num_heads = data.RequireInt("attention.head_count");
  Json config = {
      {"model_type", data.Architecture()},
      {"vocab_size", VocabSize(data)},
      {"hidden_size", hidden_size},
      {"intermediate_size", data.RequireInt("feed_forward_length")},
      {"num_hidden_layers", data.RequireInt("block_count")},
      {"num_attention_heads", num_heads},
      {"num_key_value_heads", data.Int("attention.head_count_kv").value_or(num_heads)},
      {"head_dim", HeadDim(data, hidden_size, num_heads)},
      {"max_position_embeddings", data.RequireInt("context_length")},
      {"rms_norm_eps", data.RequireNumber("attention.layer_norm_rms_epsilon")},
      {"rope_theta", data.Number("rope.freq_base").value_or(10000.0)},
      {"tie_word_embeddings", !data.file().Contains("output.weight")},
      {"_name_or_path", ModelName(data.file())},
      {"bos_token_id", nullptr},
      {"eos_token_id", nullptr},
      {"pad_token_id", nullptr},
  };
  const Json scaling = RopeScaling(data);
  if (!scaling.is_null()) config["rope_scaling"] = scaling;

  const auto id = [&](const char* key) {
    return data.file().Int(std::string("tokenizer.ggml.") + key + "_token_id");
  };
  if (const auto bos = id("bos")) config["bos_token_id"] = *bos;
  if (const auto pad = id("padding")) config["pad_token_id"] = *pad;
  Json ends = Json::array();
  for (const char* key : {"eos", "eot", "eom"}) {
    const auto end = id(key);
    if (end && std::find(ends.begin(), ends.end(), *end) == ends.end()) ends.push_back(*end);
  }
  config["eos_token_id"] = ends;
  return config;
}

std::vector<float> FrequencyDivisors(const GgufFile& file, int64_t head_dim) {
  constexpr const char* kName = "rope_freqs.weight";
  if (!file.Contains(kName)) return {};
  const Tensor tensor = file.Get(kName);
  if (tensor.shape != std::vector<int64_t>{head_dim / 2}) {
    throw Error(
        ErrorCode::kInvalidFormat, tensor.Where(),
        "expected shape [" + std::to_string(head_dim / 2) + "], found " + tensor.ShapeString());
  }
  std::vector<float> divisors = ToF32(tensor);
  for (const float divisor : divisors) {
    if (!std::isfinite(divisor) || divisor <= 0) {
      throw Error(ErrorCode::kInvalidFormat, tensor.Where(), "expected positive numbers");
    }
  }
  return divisors;
}

Json ScalarMetadata(const GgufFile& file) {
  Json out = Json::object();
  for (const auto& [key, value] : file.metadata()) {
    std::visit(
        [&, &name = key](const auto& held) {
          using Held = std::decay_t<decltype(held)>;
          if constexpr (std::is_arithmetic_v<Held>) {
            if (IsUtf8(name)) out[name] = held;
          } else if constexpr (std::is_same_v<Held, std::string>) {
            if (IsUtf8(name) && IsUtf8(held)) out[name] = held;
          }
        },
        value);
  }
  return out;
}

}  // namespace

ModelConfig ReadGgufConfig(const GgufFile& file) {
  const Metadata data(file);
  RefuseOtherModels(data);
  ModelConfig config = ParseModelConfig(AsConfigJson(data), file.origin());
  config.rope.frequency_divisors = FrequencyDivisors(file, config.head_dim);
  if (const auto window = data.Int("attention.sliding_window"); window.value_or(0) > 0) {
    std::fill(config.sliding_windows.begin(), config.sliding_windows.end(), *window);
  }
  config.qkv_bias = file.Contains("blk.0.attn_q.bias");
  config.o_bias = file.Contains("blk.0.attn_output.bias");
  config.mlp_bias = file.Contains("blk.0.ffn_up.bias");
  config.qk_norm = file.Contains("blk.0.attn_q_norm.weight");
  config.norm_weight_plus_one = false;
  config.raw = ScalarMetadata(file);
  return config;
}

}  // namespace dear
