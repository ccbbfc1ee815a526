#ifndef DEAR_FORMATS_MODEL_CONFIG_H_
#define DEAR_FORMATS_MODEL_CONFIG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace dear {

enum class RopeKind { kDefault, kLinear, kLlama3, kYarn };

// transformers' modeling_rope_utils.py is the source of the meaning of every field.
struct RopeConfig {
  RopeKind kind = RopeKind::kDefault;
  double theta = 10000.0;
  double factor = 1.0;
  // llama3
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  int64_t original_max_positions = 0;  // llama3 and yarn
  // yarn
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  std::optional<double> attention_factor;
  std::optional<double> mscale;
  std::optional<double> mscale_all_dim;
  bool truncate = true;
  // GGUF's rope_freqs.weight: a divisor for every frequency, [head_dim / 2]; empty when absent.
  std::vector<float> frequency_divisors;
};

enum class Activation { kSilu, kGelu, kGeluTanh };
enum class HeadKind { kCausalLm, kSequenceClassification };

// What the forward pass needs to know of a decoder of the llama family. One layer function reads
// it; a family is a set of values here, never a branch on its name.
struct ModelConfig {
  std::string family;  // "llama", "mistral", "qwen2", "qwen3", "gemma"
  HeadKind head = HeadKind::kCausalLm;
  int64_t num_labels = 1;  // of the classification head

  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_layers = 0;
  int64_t num_heads = 0;
  int64_t num_kv_heads = 0;
  int64_t head_dim = 0;
  int64_t max_positions = 0;

  double rms_norm_eps = 1e-6;
  RopeConfig rope;
  // Tokens that a layer sees, itself included; 0: all. One entry a layer.
  std::vector<int64_t> sliding_windows;

  bool qkv_bias = false;
  bool o_bias = false;
  bool mlp_bias = false;
  bool qk_norm = false;               // RMS norm over each head of q and k before rope (qwen3)
  bool norm_weight_plus_one = false;  // gemma: y = x_hat * (1 + w)
  bool scale_embeddings = false;      // gemma: embeddings * sqrt(hidden_size)
  Activation activation = Activation::kSilu;
  bool tie_word_embeddings = false;

  std::optional<int64_t> bos_id;
  std::vector<int64_t> eos_ids;  // of config.json, replaced by generation_config.json's where given
  std::optional<int64_t> pad_id;
  std::string torch_dtype;  // "bfloat16", "float16", "float32" or empty
  std::string name_or_path;

  // Present where the checkpoint is pre-quantised by bitsandbytes.
  struct Bitsandbytes {
    bool load_in_4bit = false;
    bool load_in_8bit = false;
  };
  std::optional<Bitsandbytes> bitsandbytes;

  Json raw;  // config.json, or the GGUF metadata that is not an array
};

// Reads config.json (both spellings) of any supported family. Every number is checked (positive,
// divisible where it must be, below generous limits). Throws kInvalidFormat naming the field,
// kUnsupported naming the family or the feature.
ModelConfig ParseModelConfig(const Json& config, const std::string& context);

// generation_config.json: what generation takes from it.
struct GenerationConfig {
  std::optional<int64_t> bos_id;
  std::vector<int64_t> eos_ids;
  std::optional<int64_t> pad_id;
  std::optional<bool> do_sample;
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<int64_t> top_k;
  std::optional<double> repetition_penalty;
};
GenerationConfig ParseGenerationConfig(const Json& config, const std::string& context);

}  // namespace dear

#endif  // DEAR_FORMATS_MODEL_CONFIG_H_
