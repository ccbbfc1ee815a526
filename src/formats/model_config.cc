#include "formats/model_config.h"

#include <array>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "formats/rope_config.h"

namespace dear {
namespace {

// Far above any model there is, and low enough that products of two of them fit in 64 bits.
constexpr int64_t kMaxVocab = int64_t{1} << 24;
constexpr int64_t kMaxWidth = int64_t{1} << 22;
constexpr int64_t kMaxLayers = 4096;
constexpr int64_t kMaxHeads = int64_t{1} << 14;
constexpr int64_t kMaxHeadDim = int64_t{1} << 13;
constexpr int64_t kMaxPositions = int64_t{1} << 32;
constexpr int64_t kMaxLabels = int64_t{1} << 20;

// What transformers' config class of a family has where config.json is silent.
struct FamilyDefaults {
  std::string_view family;
  std::string_view class_prefix;
  int64_t vocab_size, hidden_size, intermediate_size, num_layers, num_heads;
  int64_t num_kv_heads;  // 0: as num_heads
  int64_t head_dim;      // 0: hidden_size / num_heads
  int64_t max_positions;
  std::string_view activation;
  bool tied;
  std::optional<int64_t> bos_id, eos_id, pad_id;
};

constexpr std::array<FamilyDefaults, 5> kFamilies = {{
    {"llama", "Llama", 32000, 4096, 11008, 32, 32, 0, 0, 2048, "silu", false, 1, 2, std::nullopt},
    {"mistral", "Mistral", 32000, 4096, 14336, 32, 32, 8, 0, 131072, "silu", false, 1, 2,
     std::nullopt},
    {"qwen2", "Qwen2", 151936, 4096, 22016, 32, 32, 32, 0, 32768, "silu", false, std::nullopt,
     std::nullopt, std::nullopt},
    {"qwen3", "Qwen3", 151936, 4096, 22016, 32, 32, 32, 128, 32768, "silu", false, std::nullopt,
     std::nullopt, std::nullopt},
    {"gemma", "Gemma", 256000, 3072, 24576, 28, 16, 16, 256, 8192, "gelu_pytorch_tanh", true, 2, 1,
     0},
}};

[[noreturn]] void Unsupported(const std::string& context, const std::string& what) {
  throw Error(ErrorCode::kUnsupported, context, what);
}

const FamilyDefaults& FindFamily(const JsonFields& fields) {
  const std::string family = fields.RequireString("model_type");
  std::string known;
  for (const FamilyDefaults& candidate : kFamilies) {
    if (candidate.family == family) return candidate;
    known += (known.empty() ? "" : ", ") + std::string(candidate.family);
  }
  Unsupported(fields.context(),
              "model type '" + family + "' is not supported (supported: " + known + ")");
}

int64_t Count(const JsonFields& fields, const char* key, int64_t fallback, int64_t limit) {
  const int64_t value = fields.Int(key, fallback);
  if (value < 1 || value > limit) {
    fields.Fail(key, std::to_string(value) + " is outside 1.." + std::to_string(limit));
  }
  return value;
}

void ReadSizes(const JsonFields& fields, const FamilyDefaults& defaults, ModelConfig& config) {
  config.vocab_size = Count(fields, "vocab_size", defaults.vocab_size, kMaxVocab);
  config.hidden_size = Count(fields, "hidden_size", defaults.hidden_size, kMaxWidth);
  config.intermediate_size =
      Count(fields, "intermediate_size", defaults.intermediate_size, kMaxWidth);
  config.num_layers = Count(fields, "num_hidden_layers", defaults.num_layers, kMaxLayers);
  config.num_heads = Count(fields, "num_attention_heads", defaults.num_heads, kMaxHeads);
  // A key that is there with the value null means "as many as heads", also where the family's
  // default is another number.
  const bool kv_is_null = fields.IsNull("num_key_value_heads");
  const int64_t default_kv =
      kv_is_null || defaults.num_kv_heads == 0 ? config.num_heads : defaults.num_kv_heads;
  config.num_kv_heads = Count(fields, "num_key_value_heads", default_kv, kMaxHeads);
  if (config.num_heads % config.num_kv_heads != 0) {
    fields.Fail("num_key_value_heads", std::to_string(config.num_kv_heads) +
                                           " does not divide the number of heads " +
                                           std::to_string(config.num_heads));
  }
  int64_t default_head_dim = defaults.head_dim;
  if (default_head_dim == 0) {
    if (!fields.Has("head_dim") && config.hidden_size % config.num_heads != 0) {
      fields.Fail("hidden_size", std::to_string(config.hidden_size) +
                                     " is not a multiple of the number of heads " +
                                     std::to_string(config.num_heads));
    }
    default_head_dim = config.hidden_size / config.num_heads;
  }
  config.head_dim = Count(fields, "head_dim", default_head_dim, kMaxHeadDim);
  if (config.head_dim % 2 != 0) {
    fields.Fail("head_dim", std::to_string(config.head_dim) + " is odd; rope turns pairs");
  }
  if (config.num_heads * config.head_dim > kMaxWidth) {
    fields.Fail("head_dim", "heads of " + std::to_string(config.head_dim) + " times " +
                                std::to_string(config.num_heads) + " are wider than " +
                                std::to_string(kMaxWidth));
  }
  config.max_positions =
      Count(fields, "max_position_embeddings", defaults.max_positions, kMaxPositions);
  config.rms_norm_eps = fields.Number("rms_norm_eps", 1e-6);
  if (!(config.rms_norm_eps >= 0) || config.rms_norm_eps > 1) {
    fields.Fail("rms_norm_eps", "expected a number in 0..1");
  }
}

Activation ReadActivation(const JsonFields& fields, const FamilyDefaults& defaults) {
  std::string name = fields.String("hidden_act", std::string(defaults.activation));
  // Gemma's published files say "gelu" and mean the tanh form (configuration_gemma.py);
  // hidden_activation, of older files, is not read there.
  if (defaults.family == "gemma" && name == "gelu") name = "gelu_pytorch_tanh";
  if (name == "silu" || name == "swish") return Activation::kSilu;
  if (name == "gelu" || name == "gelu_python") return Activation::kGelu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_python_tanh" || name == "gelu_new") {
    return Activation::kGeluTanh;
  }
  Unsupported(fields.context(), "activation '" + name + "' of field 'hidden_act' is not supported");
}

int64_t Window(const JsonFields& fields, int64_t fallback) {
  return Count(fields, "sliding_window", fallback, INT64_MAX);
}

// configuration_mistral.py: one window for all layers, layer_types is not read.
// configuration_qwen2.py, _qwen3.py: layer_types, else the layers from max_window_layers on.
std::vector<int64_t> ReadSlidingWindows(const JsonFields& fields, const ModelConfig& config) {
  std::vector<int64_t> windows(static_cast<size_t>(config.num_layers), 0);
  constexpr int64_t kDefaultWindow = 4096;
  if (config.family == "mistral") {
    if (fields.IsNull("sliding_window")) return windows;
    windows.assign(windows.size(), Window(fields, kDefaultWindow));
    return windows;
  }
  if (config.family != "qwen2" && config.family != "qwen3") return windows;

  const bool used = fields.Bool("use_sliding_window", false) && !fields.IsNull("sliding_window");
  const int64_t window = used ? Window(fields, kDefaultWindow) : 0;
  const Json* types = fields.Find("layer_types");
  if (types == nullptr) {
    const int64_t first = fields.Int("max_window_layers", 28);
    for (size_t layer = 0; used && layer < windows.size(); ++layer) {
      if (static_cast<int64_t>(layer) >= first) windows[layer] = window;
    }
    return windows;
  }
  if (!types->is_array() || types->size() != windows.size()) {
    fields.Fail("layer_types", "expected a list with one entry for each of the " +
                                   std::to_string(windows.size()) + " layers");
  }
  for (size_t layer = 0; layer < windows.size(); ++layer) {
    const Json& type = (*types)[layer];
    if (!type.is_string()) fields.Fail("layer_types", "expected strings");
    const auto& name = type.get_ref<const std::string&>();
    if (name == "full_attention" || name == "attention") continue;
    if (name != "sliding_attention") {
      Unsupported(fields.context(), "layer type '" + name + "' is not supported");
    }
    if (!used) fields.Fail("layer_types", "sliding layers without a sliding window in use");
    windows[layer] = window;
  }
  return windows;
}

HeadKind ReadHead(const JsonFields& fields) {
  const Json* architectures = fields.Find("architectures");
  if (architectures == nullptr) return HeadKind::kCausalLm;
  if (!architectures->is_array()) fields.Fail("architectures", "expected a list");
  if (architectures->empty()) return HeadKind::kCausalLm;
  const Json& first = architectures->front();
  if (!first.is_string()) fields.Fail("architectures", "expected strings");
  const auto& name = first.get_ref<const std::string&>();
  for (const FamilyDefaults& family : kFamilies) {
    const std::string prefix(family.class_prefix);
    if (name == prefix + "ForSequenceClassification") return HeadKind::kSequenceClassification;
    if (name == prefix + "ForCausalLM" || name == prefix + "Model") return HeadKind::kCausalLm;
  }
  Unsupported(fields.context(), "architecture '" + name + "' is not supported");
}

// configuration_utils.py: the size of id2label, else num_labels, else 2.
int64_t ReadNumLabels(const JsonFields& fields) {
  if (const Json* labels = fields.Find("id2label")) {
    if (!labels->is_object() || labels->empty() ||
        labels->size() > static_cast<size_t>(kMaxLabels)) {
      fields.Fail("id2label",
                  "expected an object with 1.." + std::to_string(kMaxLabels) + " entries");
    }
    return static_cast<int64_t>(labels->size());
  }
  return Count(fields, "num_labels", 2, kMaxLabels);
}

std::optional<ModelConfig::Bitsandbytes> ReadQuantization(const JsonFields& fields) {
  if (fields.Has("compression_config")) {
    Unsupported(fields.context(), "compressed weights (field 'compression_config')");
  }
  const Json* object = fields.Find("quantization_config");
  if (object == nullptr) return std::nullopt;
  const JsonFields quantization(*object, fields.context() + ": quantization_config");
  ModelConfig::Bitsandbytes result;
  result.load_in_4bit = quantization.Bool("load_in_4bit", false);
  result.load_in_8bit = quantization.Bool("load_in_8bit", false);
  const bool any = result.load_in_4bit || result.load_in_8bit;
  const std::string method = quantization.String("quant_method", any ? "bitsandbytes" : "(none)");
  if (method != "bitsandbytes") {
    Unsupported(fields.context(), "weights quantised by '" + method +
                                      "' (quantization_config) are not supported; bitsandbytes "
                                      "and GGUF are");
  }
  if (result.load_in_4bit && result.load_in_8bit) {
    quantization.Fail("load_in_8bit", "both 4-bit and 8-bit are asked for");
  }
  if (!any) return std::nullopt;
  return result;
}

// Fields that other families of this kind of model carry: with them the numbers would be others.
void RefuseWhatChangesNumbers(const JsonFields& fields) {
  for (const char* key : {"attn_logit_softcapping", "final_logit_softcapping", "per_layer_config",
                          "compression_config"}) {
    if (fields.Has(key)) {
      Unsupported(fields.context(), "field '" + std::string(key) + "' is not supported");
    }
  }
  for (const char* key : {"is_encoder_decoder", "use_bidirectional_attention"}) {
    if (fields.Bool(key, false)) {
      Unsupported(fields.context(), "field '" + std::string(key) + "' is not supported");
    }
  }
}

// A token id; nullopt for null, and for a negative one (some files use -1 for "none").
std::optional<int64_t> TokenId(const JsonFields& fields, const char* key,
                               std::optional<int64_t> fallback) {
  if (fields.IsNull(key)) return std::nullopt;
  const auto id = fields.Int(key);
  if (!id) return fallback;
  if (*id > INT32_MAX) fields.Fail(key, "token id " + std::to_string(*id) + " is too large");
  if (*id < 0) return std::nullopt;
  return id;
}

// An id or a list of ids.
std::vector<int64_t> TokenIds(const JsonFields& fields, const char* key,
                              std::optional<int64_t> fallback) {
  const Json* value = fields.Find(key);
  if (value == nullptr || !value->is_array()) {
    const auto id = TokenId(fields, key, fallback);
    return id ? std::vector<int64_t>{*id} : std::vector<int64_t>{};
  }
  constexpr size_t kMaxIds = 4096;
  if (value->size() > kMaxIds) fields.Fail(key, "more than " + std::to_string(kMaxIds) + " ids");
  std::vector<int64_t> ids;
  for (const Json& element : *value) {
    const Json single = {{key, element}};
    if (const auto id = TokenId(JsonFields(single, fields.context()), key, std::nullopt)) {
      ids.push_back(*id);
    }
  }
  return ids;
}

}  // namespace

ModelConfig ParseModelConfig(const Json& object, const std::string& context) {
  const JsonFields fields(object, context);
  const FamilyDefaults& defaults = FindFamily(fields);
  RefuseWhatChangesNumbers(fields);

  ModelConfig config;
  config.family = defaults.family;
  config.head = ReadHead(fields);
  config.num_labels = ReadNumLabels(fields);
  ReadSizes(fields, defaults, config);
  config.rope = ParseRopeConfig(fields, config.max_positions);
  config.sliding_windows = ReadSlidingWindows(fields, config);

  const bool attention_bias = config.family != "mistral" && config.family != "qwen2" &&
                              fields.Bool("attention_bias", false);
  config.qkv_bias = attention_bias || config.family == "qwen2";
  config.o_bias = attention_bias;
  config.mlp_bias = config.family == "llama" && fields.Bool("mlp_bias", false);
  config.qk_norm = config.family == "qwen3";
  config.norm_weight_plus_one = config.family == "gemma";
  config.scale_embeddings = config.family == "gemma";
  config.activation = ReadActivation(fields, defaults);
  config.tie_word_embeddings = fields.Bool("tie_word_embeddings", defaults.tied);

  config.bos_id = TokenId(fields, "bos_token_id", defaults.bos_id);
  config.eos_ids = TokenIds(fields, "eos_token_id", defaults.eos_id);
  config.pad_id = TokenId(fields, "pad_token_id", defaults.pad_id);
  config.torch_dtype = fields.String("dtype", fields.String("torch_dtype", ""));
  config.name_or_path = fields.String("_name_or_path", "");
  config.bitsandbytes = ReadQuantization(fields);
  config.raw = object;
  return config;
}

GenerationConfig ParseGenerationConfig(const Json& object, const std::string& context) {
  const JsonFields fields(object, context);
  GenerationConfig config;
  config.bos_id = TokenId(fields, "bos_token_id", std::nullopt);
  config.eos_ids = TokenIds(fields, "eos_token_id", std::nullopt);
  config.pad_id = TokenId(fields, "pad_token_id", std::nullopt);
  config.do_sample = fields.Bool("do_sample");
  config.temperature = fields.Number("temperature");
  config.top_p = fields.Number("top_p");
  config.top_k = fields.Int("top_k");
  config.repetition_penalty = fields.Number("repetition_penalty");
  return config;
}

}  // namespace dear
