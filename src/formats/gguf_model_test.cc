#include "formats/gguf_model.h"

#include <functional>
#include <utility>

#include "formats/ggml_types.h"
#include "formats/testing/byte_builder.h"
#include "formats/testing/expect_error.h"

namespace dear {
namespace {

using testing::ByteBuilder;
using testing::ExpectError;
using testing::ParseBytes;

// A GGUF file of f32 tensors put together key by key.
class GgufBuilder {
 public:
  GgufBuilder& Int(const std::string& key, uint32_t value) {
    return Key(key, [=](ByteBuilder& out) { out.Put<uint32_t>(4).Put<uint32_t>(value); });
  }
  GgufBuilder& Float(const std::string& key, float value) {
    return Key(key, [=](ByteBuilder& out) { out.Put<uint32_t>(6).Put<float>(value); });
  }
  GgufBuilder& Text(const std::string& key, const std::string& value) {
    return Key(key, [=](ByteBuilder& out) { out.Put<uint32_t>(8).String(value); });
  }
  GgufBuilder& Ints(const std::string& key, const std::vector<int32_t>& values) {
    return Key(key, [=](ByteBuilder& out) {
      out.Put<uint32_t>(9).Put<uint32_t>(5).Put<uint64_t>(values.size());
      for (const int32_t value : values) out.Put<int32_t>(value);
    });
  }
  // Numbers 0, 1, 2, …; the shape as transformers gives it.
  GgufBuilder& F32(const std::string& name, std::vector<uint64_t> shape) {
    tensors_.emplace_back(name, std::move(shape));
    return *this;
  }

  std::shared_ptr<const GgufFile> Build() const {
    ByteBuilder out;
    out.Text("GGUF").Put<uint32_t>(3).Put<uint64_t>(tensors_.size()).Put<uint64_t>(keys_.size());
    for (const auto& [key, write] : keys_) {
      out.String(key);
      write(out);
    }
    uint64_t offset = 0;
    for (const auto& [name, shape] : tensors_) {
      out.String(name).Put<uint32_t>(static_cast<uint32_t>(shape.size()));
      for (auto it = shape.rbegin(); it != shape.rend(); ++it) out.Put<uint64_t>(*it);
      out.Put<uint32_t>(0).Put<uint64_t>(offset);
      offset += (Elements(shape) * 4 + 31) / 32 * 32;
    }
    out.AlignTo(32);
    for (const auto& [name, shape] : tensors_) {
      for (uint64_t i = 0; i < Elements(shape); ++i) out.Put<float>(static_cast<float>(i + 1));
      out.AlignTo(32);
    }
    return ParseBytes<GgufFile>(out.str(), "tiny.gguf");
  }

 private:
  static uint64_t Elements(const std::vector<uint64_t>& shape) {
    uint64_t count = 1;
    for (const uint64_t extent : shape) count *= extent;
    return count;
  }
  GgufBuilder& Key(const std::string& key, std::function<void(ByteBuilder&)> write) {
    for (auto& [known, known_write] : keys_) {
      if (known == key) {
        known_write = std::move(write);
        return *this;
      }
    }
    keys_.emplace_back(key, std::move(write));
    return *this;
  }

  std::vector<std::pair<std::string, std::function<void(ByteBuilder&)>>> keys_;
  std::vector<std::pair<std::string, std::vector<uint64_t>>> tensors_;
};

GgufBuilder Tiny(const std::string& family) {
  GgufBuilder builder;
  builder.Text("general.architecture", family)
      .Text("general.name", "tiny")
      .Int(family + ".embedding_length", 8)
      .Int(family + ".block_count", 1)
      .Int(family + ".feed_forward_length", 16)
      .Int(family + ".context_length", 128)
      .Int(family + ".attention.head_count", 2)
      .Int(family + ".attention.head_count_kv", 1)
      .Float(family + ".attention.layer_norm_rms_epsilon", 1e-5f)
      .F32("token_embd.weight", {10, 8});
  return builder;
}

TEST(GgufModel, ReadsTheConfiguration) {
  const auto file = Tiny("llama")
                        .Float("llama.rope.freq_base", 500000.0f)
                        .Int("llama.rope.dimension_count", 4)
                        .Int("tokenizer.ggml.bos_token_id", 1)
                        .Int("tokenizer.ggml.eos_token_id", 2)
                        .Int("tokenizer.ggml.eot_token_id", 3)
                        .F32("rope_freqs.weight", {2})
                        .F32("output.weight", {10, 8})
                        .F32("blk.0.attn_q.bias", {8})
                        .Build();
  const ModelConfig config = ReadGgufConfig(*file);
  EXPECT_EQ(config.family, "llama");
  EXPECT_EQ(config.vocab_size, 10);
  EXPECT_EQ(config.head_dim, 4);
  EXPECT_EQ(config.num_kv_heads, 1);
  EXPECT_EQ(config.max_positions, 128);
  EXPECT_EQ(config.rope.theta, 500000.0);
  EXPECT_EQ(config.rope.kind, RopeKind::kDefault);
  EXPECT_THAT(config.rope.frequency_divisors, ::testing::ElementsAre(1.0f, 2.0f));
  EXPECT_EQ(config.bos_id, 1);
  EXPECT_THAT(config.eos_ids, ::testing::ElementsAre(2, 3));
  EXPECT_FALSE(config.pad_id.has_value());
  EXPECT_FALSE(config.tie_word_embeddings);
  EXPECT_TRUE(config.qkv_bias);
  EXPECT_FALSE(config.o_bias);
  EXPECT_EQ(config.name_or_path, "tiny");
  EXPECT_EQ(config.raw.at("llama.block_count"), 1);
}

TEST(GgufModel, ReadsRopeScaling) {
  const auto linear = Tiny("llama")
                          .Text("llama.rope.scaling.type", "linear")
                          .Float("llama.rope.scaling.factor", 4)
                          .Build();
  EXPECT_EQ(ReadGgufConfig(*linear).rope.kind, RopeKind::kLinear);
  EXPECT_EQ(ReadGgufConfig(*linear).rope.factor, 4);
  const auto yarn = Tiny("qwen3")
                        .Text("qwen3.rope.scaling.type", "yarn")
                        .Float("qwen3.rope.scaling.factor", 4)
                        .Int("qwen3.rope.scaling.original_context_length", 32)
                        .Build();
  const RopeConfig rope = ReadGgufConfig(*yarn).rope;
  EXPECT_EQ(rope.kind, RopeKind::kYarn);
  EXPECT_EQ(rope.original_max_positions, 32);
  EXPECT_FALSE(rope.attention_factor.has_value());
  EXPECT_EQ(rope.beta_fast, 32);
}

TEST(GgufModel, KnowsTheFamilies) {
  const ModelConfig gemma = ReadGgufConfig(*Tiny("gemma")
                                                .Int("gemma.attention.key_length", 6)
                                                .Int("gemma.attention.value_length", 6)
                                                .Build());
  EXPECT_FALSE(gemma.norm_weight_plus_one);  // the file holds 1 + w
  EXPECT_TRUE(gemma.scale_embeddings);
  EXPECT_EQ(gemma.activation, Activation::kGeluTanh);
  EXPECT_EQ(gemma.head_dim, 6);
  EXPECT_TRUE(gemma.tie_word_embeddings);
  const ModelConfig qwen3 =
      ReadGgufConfig(*Tiny("qwen3").F32("blk.0.attn_q_norm.weight", {4}).Build());
  EXPECT_TRUE(qwen3.qk_norm);
  EXPECT_EQ(qwen3.head_dim, 4);
}

TEST(GgufModel, GivesTensorsUnderTransformersNames) {
  const auto file = Tiny("llama")
                        .F32("blk.0.attn_norm.weight", {8})
                        .F32("blk.0.ffn_down.weight", {8, 16})
                        .F32("output_norm.weight", {8})
                        .F32("rope_freqs.weight", {2})
                        .Build();
  const auto tensors = OpenGgufTensors(file, ReadGgufConfig(*file));
  EXPECT_THAT(
      tensors->Names(),
      ::testing::ElementsAre("model.embed_tokens.weight", "model.layers.0.input_layernorm.weight",
                             "model.layers.0.mlp.down_proj.weight", "model.norm.weight"));
  EXPECT_TRUE(tensors->Contains("model.norm.weight"));
  EXPECT_FALSE(tensors->Contains("output_norm.weight"));
  EXPECT_EQ(tensors->Get("model.norm.weight").name, "model.norm.weight");
  ExpectError(ErrorCode::kNotFound, "lm_head.weight", [&] { tensors->Get("lm_head.weight"); });
}

TEST(GgufModel, PutsRowsOfQAndKBack) {
  const auto build = [](const char* family) {
    return Tiny(family)
        .F32("blk.0.attn_q.weight", {8, 8})
        .F32("blk.0.attn_q.bias", {8})
        .F32("blk.0.attn_k.bias", {4})
        .F32("blk.0.attn_v.bias", {4})
        .Build();
  };
  const auto bias = [](const std::shared_ptr<const GgufFile>& file, const char* name) {
    return ToF32(OpenGgufTensors(file, ReadGgufConfig(*file))->Get(name));
  };
  const auto llama = build("llama");
  using ::testing::ElementsAre;
  EXPECT_THAT(bias(llama, "model.layers.0.self_attn.q_proj.bias"),
              ElementsAre(1, 3, 2, 4, 5, 7, 6, 8));
  EXPECT_THAT(bias(llama, "model.layers.0.self_attn.k_proj.bias"), ElementsAre(1, 3, 2, 4));
  EXPECT_THAT(bias(llama, "model.layers.0.self_attn.v_proj.bias"), ElementsAre(1, 2, 3, 4));
  const auto weight = bias(llama, "model.layers.0.self_attn.q_proj.weight");
  EXPECT_EQ(weight[1 * 8 + 5], 2 * 8 + 5 + 1);
  EXPECT_THAT(bias(build("qwen2"), "model.layers.0.self_attn.q_proj.bias"),
              ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
}

TEST(GgufModel, RowsWithoutColumnsStayEmpty) {
  const auto file = Tiny("llama").F32("blk.0.attn_q.weight", {8, 0}).Build();
  const Tensor tensor =
      OpenGgufTensors(file, ReadGgufConfig(*file))->Get("model.layers.0.self_attn.q_proj.weight");
  EXPECT_TRUE(tensor.bytes.empty());
  EXPECT_EQ(tensor.elements(), 0);
}

TEST(GgufModel, RefusesByName) {
  const auto config = [](const GgufBuilder& builder) {
    return [file = builder.Build()] { ReadGgufConfig(*file); };
  };
  const auto unsupported = ErrorCode::kUnsupported;
  const auto invalid = ErrorCode::kInvalidFormat;
  ExpectError(unsupported, "phi3", config(Tiny("phi3")));
  ExpectError(unsupported, "llama.expert_count",
              config(Tiny("llama").Int("llama.expert_count", 8)));
  ExpectError(unsupported, "longrope",
              config(Tiny("llama")
                         .Text("llama.rope.scaling.type", "longrope")
                         .Float("llama.rope.scaling.factor", 2)));
  ExpectError(unsupported, "rope.dimension_count",
              config(Tiny("llama").Int("llama.rope.dimension_count", 2)));
  ExpectError(unsupported, "value_length",
              config(Tiny("llama").Int("llama.attention.value_length", 2)));
  ExpectError(unsupported, "head_count_kv",
              config(Tiny("llama").Ints("llama.attention.head_count_kv", {1, 2})));
  ExpectError(unsupported, "logit_scale", config(Tiny("llama").Float("llama.logit_scale", 2)));
  ExpectError(invalid, "factor", config(Tiny("llama").Text("llama.rope.scaling.type", "yarn")));
  ExpectError(invalid, "rope_freqs", config(Tiny("llama").F32("rope_freqs.weight", {3})));
  ExpectError(invalid, "num_hidden_layers",
              config(Tiny("llama").Int("llama.block_count", 4000000000)));
  ExpectError(invalid, "head_count", config(Tiny("llama").Int("llama.attention.head_count", 0)));
  ExpectError(invalid, "context_length", config(Tiny("llama").Text("llama.context_length", "x")));
  ExpectError(invalid, "general.architecture", config(GgufBuilder()));
  ExpectError(invalid, "embedding_length",
              config(GgufBuilder().Text("general.architecture", "llama")));
  for (const char* name :
       {"blk.0.attn_qkv.weight", "blk.0.ffn_gate_exps.weight", "blk.x.attn_q.weight",
        "blk.99999999999.attn_q.weight", "blk.0.attn_q.scale", "cls.weight"}) {
    const auto file = Tiny("llama").F32(name, {8}).Build();
    ExpectError(unsupported, name, [&] { OpenGgufTensors(file, ReadGgufConfig(*file)); });
  }
  const auto file = Tiny("llama").F32("blk.0.attn_q.weight", {6, 8}).Build();
  ExpectError(invalid, "8 rows", [&] {
    OpenGgufTensors(file, ReadGgufConfig(*file))->Get("model.layers.0.self_attn.q_proj.weight");
  });
}

}  // namespace
}  // namespace dear
