#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "base/error.h"
#include "base/mapped_file.h"
#include "formats/peft_adapter.h"

namespace dear {
namespace {

using ::testing::HasSubstr;

struct Adapted {
  int64_t rank;
  double scaling;
};

// "16 2.0": rank and scaling.
Adapted ParseGroup(const std::string& text) {
  std::istringstream in(text);
  Adapted adapted{};
  in >> adapted.rank >> adapted.scaling;
  return adapted;
}

void ExpectAsPeft(const Json& modules, const OrderedJson& test) {
  SCOPED_TRACE(test.at("config").dump());
  const LoraConfig config = ParseLoraConfigText(test.at("config").dump(), "adapter_config.json");
  std::map<size_t, Adapted> expected;
  for (const auto& [group, members] : test.at("adapted").items()) {
    for (const auto& index : members) expected[index.get<size_t>()] = ParseGroup(group);
  }
  std::set<size_t> saved;
  for (const auto& index : test.at("saved")) saved.insert(index.get<size_t>());
  for (size_t i = 0; i < modules.size(); ++i) {
    const std::string name = modules[i];
    SCOPED_TRACE(name);
    const bool is_head = name == "lm_head" || name == "score";
    const auto want = expected.find(i);
    ASSERT_EQ(TargetsModule(config, name, is_head), want != expected.end());
    EXPECT_EQ(SavesModule(config, name), saved.count(i) == 1);
    if (want == expected.end()) continue;
    EXPECT_EQ(RankOf(config, name), want->second.rank);
    EXPECT_DOUBLE_EQ(ScalingOf(config, name), want->second.scaling);
  }
}

TEST(LoraConfig, MatchesModulesAsPeft) {
  const OrderedJson golden = OrderedJson::parse(
      ReadFile(std::string(DEAR_SOURCE_DIR) + "/tests/golden/formats/adapter_configs.json"));
  size_t cases = 0;
  for (const auto& set : golden.at("sets")) {
    const Json modules(set.at("modules"));
    for (const auto& test : set.at("cases")) {
      ExpectAsPeft(modules, test);
      ++cases;
    }
  }
  EXPECT_GE(cases, 30u);
}

TEST(LoraConfig, HasPeftsDefaults) {
  const LoraConfig config =
      ParseLoraConfigText(R"({"peft_type": "LORA", "some_newer_field": [1]})", "c");
  EXPECT_EQ(config.r, 8);
  EXPECT_EQ(config.lora_alpha, 8);
  EXPECT_EQ(config.bias, "none");
  EXPECT_FALSE(config.use_rslora || config.use_dora || config.lora_bias || config.fan_in_fan_out);
  EXPECT_THAT(config.target_modules, ::testing::ElementsAre("q_proj", "v_proj"));
}

TEST(LoraConfig, KeepsTheOrderOfPatterns) {
  const LoraConfig config =
      ParseLoraConfigText(R"({"rank_pattern": {"v_proj": 1, "a.*": 2, "m": 3}})", "c");
  ASSERT_EQ(config.rank_pattern.size(), 3u);
  EXPECT_EQ(config.rank_pattern[0].first, "v_proj");
  EXPECT_EQ(config.rank_pattern[1].first, "a.*");
}

struct LoraRefusal {
  const char* text;
  ErrorCode code;
  const char* message;
};

TEST(LoraConfig, RefusesByName) {
  const LoraRefusal refusals[] = {
      {R"({"peft_type": "IA3"})", ErrorCode::kUnsupported, "IA3"},
      {R"({"task_type": "SEQ_2_SEQ_LM"})", ErrorCode::kUnsupported, "SEQ_2_SEQ_LM"},
      {R"({"alora_invocation_tokens": [1]})", ErrorCode::kUnsupported, "alora_invocation_tokens"},
      {R"({"target_parameters": ["x"]})", ErrorCode::kUnsupported, "target_parameters"},
      {R"({"layer_replication": [[0, 2]]})", ErrorCode::kUnsupported, "layer_replication"},
      {R"({"megatron_config": {"a": 1}})", ErrorCode::kUnsupported, "megatron_config"},
      {R"({"trainable_token_indices": {"embed_tokens": [1]}})", ErrorCode::kUnsupported,
       "trainable_token_indices"},
      {R"({"use_qalora": true})", ErrorCode::kUnsupported, "use_qalora"},
      {R"({"arrow_config": {"k": 1}})", ErrorCode::kUnsupported, "arrow_config"},
      {R"({"init_lora_weights": "pissa_niter_4"})", ErrorCode::kUnsupported, "pissa_niter_4"},
      {R"({"ensure_weight_tying": true, "modules_to_save": ["embed_tokens"]})",
       ErrorCode::kUnsupported, "ensure_weight_tying"},
      {R"({"r": 0})", ErrorCode::kInvalidFormat, "'r'"},
      {R"({"r": 2.5})", ErrorCode::kInvalidFormat, "'r'"},
      {R"({"r": "8"})", ErrorCode::kInvalidFormat, "'r'"},
      {R"({"rank_pattern": {"q": -1}})", ErrorCode::kInvalidFormat, "rank_pattern"},
      {R"({"rank_pattern": [1]})", ErrorCode::kInvalidFormat, "rank_pattern"},
      {R"({"alpha_pattern": {"q": "x"}})", ErrorCode::kInvalidFormat, "alpha_pattern"},
      {R"({"target_modules": 3})", ErrorCode::kInvalidFormat, "target_modules"},
      {R"({"target_modules": [3]})", ErrorCode::kInvalidFormat, "target_modules"},
      {R"({"target_modules": "x", "layers_to_transform": [1]})", ErrorCode::kInvalidFormat,
       "layers_to_transform"},
      {R"({"layers_pattern": "h"})", ErrorCode::kInvalidFormat, "layers_pattern"},
      {R"({"layers_to_transform": ["1"]})", ErrorCode::kInvalidFormat, "layers_to_transform"},
      {R"({"bias": "some"})", ErrorCode::kInvalidFormat, "bias"},
      {R"({"lora_bias": true, "use_dora": true})", ErrorCode::kInvalidFormat, "lora_bias"},
      {R"([1])", ErrorCode::kInvalidFormat, "object"},
      {R"({"r": )", ErrorCode::kInvalidFormat, "JSON"},
  };
  for (const LoraRefusal& refusal : refusals) {
    SCOPED_TRACE(refusal.text);
    try {
      ParseLoraConfigText(refusal.text, "adapter_config.json");
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), refusal.code) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(refusal.message));
    }
  }
}

TEST(LoraConfig, AcceptsInitialisationsThatOnlyTrainingSees) {
  for (const char* text :
       {R"({"init_lora_weights": true})", R"({"init_lora_weights": "gaussian"})",
        R"({"init_lora_weights": "eva", "eva_config": {"rho": 2}})", R"({"loftq_config": {}})",
        R"({"megatron_core": "megatron.core", "megatron_config": null, "layer_replication": null})",
        R"({"ensure_weight_tying": false, "modules_to_save": ["embed_tokens"]})"}) {
    EXPECT_NO_THROW(ParseLoraConfigText(text, "c")) << text;
  }
}

TEST(LoraConfig, BoundsTheNumberOfRegularExpressions) {
  Json plain;
  Json regexes;
  for (int i = 0; i < 2000; ++i) {
    plain["model.layers." + std::to_string(i) + ".q_proj"] = 4;
    regexes["layers." + std::to_string(i) + ".(q|k)_proj"] = 4;
  }
  const LoraConfig config = ParseLoraConfig(Json{{"rank_pattern", plain}}, "c");
  EXPECT_EQ(RankOf(config, "model.layers.1999.q_proj"), 4);
  EXPECT_THROW(ParseLoraConfig(Json{{"rank_pattern", regexes}}, "c"), Error);
}

TEST(LoraConfig, StopsAtAHostilePattern) {
  const LoraConfig config = ParseLoraConfigText(R"({"target_modules": "(a|aa)+[!?]{2}"})", "c");
  const std::string module = "model.layers.0." + std::string(60, 'a');
  EXPECT_FALSE(TargetsModule(config, module, false));  // does not start with a
  try {
    TargetsModule(config, std::string(60, 'a') + "!", false);
    ADD_FAILURE() << "matched";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidFormat);
    EXPECT_THAT(error.what(), HasSubstr("limit"));
  }
}

}  // namespace
}  // namespace dear
