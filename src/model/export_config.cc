#include "model/export_config.h"

#include <map>

#include "base/error.h"

namespace dear {
namespace {

const std::map<std::string, std::string>& ClassNames() {
  static const std::map<std::string, std::string> kNames = {{"llama", "Llama"},
                                                            {"mistral", "Mistral"},
                                                            {"qwen2", "Qwen2"},
                                                            {"qwen3", "Qwen3"},
                                                            {"gemma", "Gemma"}};
  return kNames;
}

Json RopeScaling(const ModelConfig& config, const std::string& origin) {
  const RopeConfig& rope = config.rope;
  if (!rope.frequency_divisors.empty()) {
    throw Error(ErrorCode::kUnsupported, origin,
                "tensor 'rope_freqs.weight' has no place in a config.json; write a .gguf file");
  }
  switch (rope.kind) {
    case RopeKind::kDefault: return nullptr;
    case RopeKind::kLinear: return {{"rope_type", "linear"}, {"factor", rope.factor}};
    case RopeKind::kLlama3:
      return {{"rope_type", "llama3"},
              {"factor", rope.factor},
              {"low_freq_factor", rope.low_freq_factor},
              {"high_freq_factor", rope.high_freq_factor},
              {"original_max_position_embeddings", rope.original_max_positions}};
    case RopeKind::kYarn: {
      Json yarn = {{"rope_type", "yarn"},
                   {"factor", rope.factor},
                   {"original_max_position_embeddings", rope.original_max_positions},
                   {"beta_fast", rope.beta_fast},
                   {"beta_slow", rope.beta_slow}};
      if (rope.attention_factor) yarn["attention_factor"] = *rope.attention_factor;
      return yarn;
    }
  }
  return nullptr;
}

Json FromGguf(const ModelConfig& config, const std::string& origin) {
  const std::string& family = config.family;
  Json out = {{"model_type", family},
              {"architectures", {ClassNames().at(family) + "ForCausalLM"}},
              {"hidden_size", config.hidden_size},
              {"intermediate_size", config.intermediate_size},
              {"num_hidden_layers", config.num_layers},
              {"num_attention_heads", config.num_heads},
              {"num_key_value_heads", config.num_kv_heads},
              {"head_dim", config.head_dim},
              {"max_position_embeddings", config.max_positions},
              {"rms_norm_eps", config.rms_norm_eps},
              {"rope_theta", config.rope.theta},
              {"rope_scaling", RopeScaling(config, origin)},
              {"hidden_act", family == "gemma" ? "gelu_pytorch_tanh" : "silu"},
              {"attention_bias", config.o_bias || (config.qkv_bias && family == "llama")},
              {"mlp_bias", config.mlp_bias}};
  if (config.bos_id) out["bos_token_id"] = *config.bos_id;
  if (config.pad_id) out["pad_token_id"] = *config.pad_id;
  if (!config.eos_ids.empty())
    out["eos_token_id"] =
        config.eos_ids.size() == 1 ? Json(config.eos_ids[0]) : Json(config.eos_ids);
  return out;
}

}  // namespace

Json ExportedConfig(const Checkpoint& source, const ModelConfig& config, const std::string& dtype) {
  Json out = source.gguf ? FromGguf(config, source.path.string()) : config.raw;
  out.erase("quantization_config");
  out.erase("torch_dtype");
  out.erase("dtype");
  // The older spelling is read by every version of transformers.
  out["torch_dtype"] = dtype;
  out["vocab_size"] = config.vocab_size;
  out["tie_word_embeddings"] = config.tie_word_embeddings;
  if (config.qkv_bias && config.o_bias) out["attention_bias"] = true;
  if (config.mlp_bias) out["mlp_bias"] = true;
  if (config.head == HeadKind::kSequenceClassification) {
    out["architectures"] = {ClassNames().at(config.family) + "ForSequenceClassification"};
    Json id2label = Json::object();
    Json label2id = Json::object();
    for (int64_t label = 0; label < config.num_labels; ++label) {
      const std::string name = "LABEL_" + std::to_string(label);
      id2label[std::to_string(label)] = name;
      label2id[name] = label;
    }
    const auto known = out.find("id2label");
    if (known == out.end() || known->size() != static_cast<size_t>(config.num_labels)) {
      out["id2label"] = id2label;
      out["label2id"] = label2id;
    }
    out.erase("num_labels");
  }
  return out;
}

}  // namespace dear
