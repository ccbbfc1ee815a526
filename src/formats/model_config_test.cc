#include "formats/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace dear {
namespace {

using ::testing::HasSubstr;

Json Tiny(const char* family) {
  return {{"model_type", family},   {"hidden_size", 64},        {"intermediate_size", 128},
          {"num_hidden_layers", 2}, {"num_attention_heads", 4}, {"num_key_value_heads", 2},
          {"vocab_size", 100}};
}

Json With(Json config, const Json& changes) {
  config.update(changes);
  return config;
}

void ExpectRope(const RopeConfig& rope, const Json& expect) {
  const std::string type = expect.at("rope_type");
  EXPECT_EQ(rope.theta, expect.at("rope_theta").get<double>());
  EXPECT_EQ(rope.kind, type == "linear"   ? RopeKind::kLinear
                       : type == "llama3" ? RopeKind::kLlama3
                       : type == "yarn"   ? RopeKind::kYarn
                                          : RopeKind::kDefault);
  if (type == "default") return;
  EXPECT_EQ(rope.factor, expect.at("factor").get<double>());
  if (type == "linear") return;
  EXPECT_EQ(rope.original_max_positions, expect.at("original_max_position_embeddings"));
  if (type == "llama3") {
    EXPECT_EQ(rope.low_freq_factor, expect.at("low_freq_factor").get<double>());
    EXPECT_EQ(rope.high_freq_factor, expect.at("high_freq_factor").get<double>());
    return;
  }
  const auto number = [&](const char* key) { return expect.value(key, 0.0); };
  EXPECT_EQ(rope.beta_fast, number("beta_fast") == 0 ? 32 : number("beta_fast"));
  EXPECT_EQ(rope.beta_slow, number("beta_slow") == 0 ? 1 : number("beta_slow"));
  EXPECT_EQ(rope.mscale.value_or(0), number("mscale"));
  EXPECT_EQ(rope.mscale_all_dim.value_or(0), number("mscale_all_dim"));
  EXPECT_EQ(rope.attention_factor.value_or(0), number("attention_factor"));
  EXPECT_EQ(rope.truncate, expect.value("truncate", true));
}

TEST(ModelConfig, AgreesWithTransformers) {
  const Json golden =
      ReadJsonFile(std::string(DEAR_SOURCE_DIR) + "/tests/golden/formats/configs.json");
  ASSERT_GT(golden.at("cases").size(), 20u);
  for (const Json& test : golden.at("cases")) {
    SCOPED_TRACE(test.at("name").get<std::string>());
    const Json& expect = test.at("expect");
    const ModelConfig config = ParseModelConfig(test.at("config"), "config.json");
    EXPECT_EQ(config.vocab_size, expect.at("vocab_size"));
    EXPECT_EQ(config.hidden_size, expect.at("hidden_size"));
    EXPECT_EQ(config.intermediate_size, expect.at("intermediate_size"));
    EXPECT_EQ(config.num_layers, expect.at("num_layers"));
    EXPECT_EQ(config.num_heads, expect.at("num_heads"));
    EXPECT_EQ(config.num_kv_heads, expect.at("num_kv_heads"));
    EXPECT_EQ(config.head_dim, expect.at("head_dim"));
    EXPECT_EQ(config.max_positions, expect.at("max_positions"));
    EXPECT_EQ(config.rms_norm_eps, expect.at("rms_norm_eps").get<double>());
    EXPECT_EQ(Json(config.sliding_windows), expect.at("windows"));
    EXPECT_EQ(config.tie_word_embeddings, expect.at("tied"));
    EXPECT_EQ(config.bos_id ? Json(*config.bos_id) : Json(), expect.at("bos"));
    EXPECT_EQ(config.pad_id ? Json(*config.pad_id) : Json(), expect.at("pad"));
    EXPECT_EQ(Json(config.eos_ids), expect.at("eos"));
    EXPECT_EQ(config.num_labels, expect.at("num_labels"));
    EXPECT_EQ(config.torch_dtype, expect.at("dtype"));
    EXPECT_EQ(config.qkv_bias, expect.at("bias").at("q"));
    EXPECT_EQ(config.o_bias, expect.at("bias").at("o"));
    EXPECT_EQ(config.mlp_bias, expect.at("bias").at("mlp"));
    EXPECT_EQ(config.qk_norm, expect.at("bias").at("qk_norm"));
    const std::string activation = expect.at("activation");
    EXPECT_EQ(config.activation, activation == "silu"   ? Activation::kSilu
                                 : activation == "gelu" ? Activation::kGelu
                                                        : Activation::kGeluTanh);
    ExpectRope(config.rope, expect.at("rope"));
  }
}

TEST(ModelConfig, FindsTheHead) {
  EXPECT_EQ(ParseModelConfig(Tiny("qwen3"), "c").head, HeadKind::kCausalLm);
  const Json classifier =
      With(Tiny("qwen3"), {{"architectures", {"Qwen3ForSequenceClassification"}}});
  EXPECT_EQ(ParseModelConfig(classifier, "c").head, HeadKind::kSequenceClassification);
}

TEST(ModelConfig, ReadsBitsandbytes) {
  const Json four =
      With(Tiny("llama"),
           {{"quantization_config",
             {{"quant_method", "bitsandbytes"}, {"load_in_4bit", true}, {"load_in_8bit", false}}}});
  ASSERT_TRUE(ParseModelConfig(four, "c").bitsandbytes.has_value());
  EXPECT_TRUE(ParseModelConfig(four, "c").bitsandbytes->load_in_4bit);
  const Json old = With(Tiny("llama"), {{"quantization_config", {{"load_in_8bit", true}}}});
  EXPECT_TRUE(ParseModelConfig(old, "c").bitsandbytes->load_in_8bit);
}

struct ConfigRefusal {
  const char* name;
  Json changes;
  ErrorCode code;
  const char* message;
};

TEST(ModelConfig, RefusesByName) {
  const int64_t huge = int64_t{1} << 40;
  const std::vector<ConfigRefusal> refusals = {
      {"other family", {{"model_type", "gemma2"}}, ErrorCode::kUnsupported, "gemma2"},
      {"no family", {{"model_type", nullptr}}, ErrorCode::kInvalidFormat, "model_type"},
      {"gptq",
       {{"quantization_config", {{"quant_method", "gptq"}}}},
       ErrorCode::kUnsupported,
       "gptq"},
      {"dynamic rope",
       {{"rope_scaling", {{"type", "dynamic"}, {"factor", 2}}}},
       ErrorCode::kUnsupported,
       "dynamic"},
      {"longrope",
       {{"rope_parameters", {{"rope_type", "longrope"}}}},
       ErrorCode::kUnsupported,
       "longrope"},
      {"rope per layer",
       {{"rope_parameters", {{"full_attention", {{"rope_type", "default"}}}}}},
       ErrorCode::kUnsupported,
       "full_attention"},
      {"linear without factor",
       {{"rope_scaling", {{"type", "linear"}}}},
       ErrorCode::kInvalidFormat,
       "factor"},
      {"zero factor",
       {{"rope_scaling", {{"type", "linear"}, {"factor", 0}}}},
       ErrorCode::kInvalidFormat,
       "factor"},
      {"yarn without factor",
       {{"rope_scaling", {{"type", "yarn"}}}},
       ErrorCode::kInvalidFormat,
       "factor"},
      {"negative theta", {{"rope_theta", -1}}, ErrorCode::kInvalidFormat, "rope_theta"},
      {"partial rotation",
       {{"partial_rotary_factor", 0.5}},
       ErrorCode::kUnsupported,
       "partial_rotary_factor"},
      {"soft capping",
       {{"attn_logit_softcapping", 50.0}},
       ErrorCode::kUnsupported,
       "attn_logit_softcapping"},
      {"bidirectional",
       {{"use_bidirectional_attention", true}},
       ErrorCode::kUnsupported,
       "use_bidirectional_attention"},
      {"architecture",
       {{"architectures", {"LlamaForTokenClassification"}}},
       ErrorCode::kUnsupported,
       "LlamaForTokenClassification"},
      {"activation", {{"hidden_act", "relu"}}, ErrorCode::kUnsupported, "relu"},
      {"activation type", {{"hidden_act", 3}}, ErrorCode::kInvalidFormat, "hidden_act"},
      {"huge width", {{"hidden_size", huge}}, ErrorCode::kInvalidFormat, "hidden_size"},
      {"negative width", {{"hidden_size", -64}}, ErrorCode::kInvalidFormat, "hidden_size"},
      {"unsigned overflow", {{"vocab_size", UINT64_MAX}}, ErrorCode::kInvalidFormat, "vocab_size"},
      {"no heads", {{"num_attention_heads", 0}}, ErrorCode::kInvalidFormat, "num_attention_heads"},
      {"kv heads", {{"num_key_value_heads", 3}}, ErrorCode::kInvalidFormat, "num_key_value_heads"},
      {"no kv heads",
       {{"num_key_value_heads", 0}},
       ErrorCode::kInvalidFormat,
       "num_key_value_heads"},
      {"layers",
       {{"num_hidden_layers", 1000000000}},
       ErrorCode::kInvalidFormat,
       "num_hidden_layers"},
      {"odd head", {{"head_dim", 15}}, ErrorCode::kInvalidFormat, "head_dim"},
      {"width by heads", {{"hidden_size", 66}}, ErrorCode::kInvalidFormat, "hidden_size"},
      {"wide heads",
       {{"num_attention_heads", 16384}, {"num_key_value_heads", 1}, {"head_dim", 8192}},
       ErrorCode::kInvalidFormat,
       "head_dim"},
      {"eps", {{"rms_norm_eps", -1}}, ErrorCode::kInvalidFormat, "rms_norm_eps"},
      {"text for number", {{"vocab_size", "many"}}, ErrorCode::kInvalidFormat, "vocab_size"},
      {"eos text", {{"eos_token_id", {1, "two"}}}, ErrorCode::kInvalidFormat, "eos_token_id"},
  };
  for (const ConfigRefusal& refusal : refusals) {
    SCOPED_TRACE(refusal.name);
    try {
      ParseModelConfig(With(Tiny("llama"), refusal.changes), "config.json");
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), refusal.code) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(refusal.message));
      EXPECT_THAT(error.what(), HasSubstr("config.json"));
    }
  }
}

TEST(ModelConfig, ChecksLayerTypes) {
  const Json base = With(Tiny("qwen2"), {{"use_sliding_window", true}, {"sliding_window", 3}});
  const auto code = [&](const Json& types) {
    try {
      ParseModelConfig(With(base, {{"layer_types", types}}), "c");
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code({"full_attention"}), ErrorCode::kInvalidFormat);
  EXPECT_EQ(code({"full_attention", 1}), ErrorCode::kInvalidFormat);
  EXPECT_EQ(code({"full_attention", "chunked_attention"}), ErrorCode::kUnsupported);
  EXPECT_EQ(code({"full_attention", "sliding_attention"}), ErrorCode::kInternal);
}

TEST(ModelConfig, TreatsANegativeIdAsNone) {
  const ModelConfig config = ParseModelConfig(With(Tiny("llama"), {{"pad_token_id", -1}}), "c");
  EXPECT_FALSE(config.pad_id.has_value());
}

TEST(GenerationConfig, ReadsWhatGenerationTakes) {
  const GenerationConfig config = ParseGenerationConfig({{"eos_token_id", {128001, 128008, 128009}},
                                                         {"bos_token_id", 128000},
                                                         {"do_sample", true},
                                                         {"temperature", 0.6},
                                                         {"top_p", 0.9},
                                                         {"transformers_version", "4.42.3"}},
                                                        "generation_config.json");
  EXPECT_THAT(config.eos_ids, ::testing::ElementsAre(128001, 128008, 128009));
  EXPECT_EQ(config.bos_id, 128000);
  EXPECT_FALSE(config.pad_id.has_value());
  EXPECT_EQ(config.do_sample, true);
  EXPECT_EQ(config.temperature, 0.6);
  EXPECT_EQ(config.top_p, 0.9);
  EXPECT_FALSE(config.top_k.has_value());
}

}  // namespace
}  // namespace dear
