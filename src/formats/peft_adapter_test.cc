#include "formats/peft_adapter.h"

#include "formats/testing/expect_error.h"

namespace dear {
namespace {

namespace fs = std::filesystem;
using testing::ExpectError;

const fs::path kAdapters = fs::path(DEAR_SOURCE_DIR) / "tests/golden/formats/checkpoints";

TEST(PeftAdapter, ReadsBothContainersAlike) {
  ASSERT_TRUE(IsPeftAdapter(kAdapters / "adapter"));
  const PeftAdapter adapter = OpenPeftAdapter(kAdapters / "adapter");
  EXPECT_EQ(adapter.config.r, 2);
  EXPECT_EQ(adapter.config.lora_alpha, 4);
  EXPECT_EQ(adapter.config.base_model_name_or_path, "../single");
  EXPECT_EQ(adapter.config.task_type, "CAUSAL_LM");
  EXPECT_THAT(adapter.tensors->Names(),
              ::testing::ElementsAre("model.embed_tokens.lora_embedding_A",
                                     "model.embed_tokens.lora_embedding_B",
                                     "model.embed_tokens.weight",  // saved as base_layer.weight
                                     "model.layers.0.self_attn.q_proj.lora_A.weight",
                                     "model.layers.0.self_attn.q_proj.lora_B.weight"));
  const PeftAdapter pickled = OpenPeftAdapter(kAdapters / "adapter_bin");
  EXPECT_EQ(pickled.tensors->Names(), adapter.tensors->Names());
  for (const std::string& name : adapter.tensors->Names()) {
    EXPECT_EQ(ToF32(pickled.tensors->Get(name)), ToF32(adapter.tensors->Get(name)));
  }
}

TEST(PeftAdapter, PutsThePrefixOnABareModelsNames) {
  const PeftAdapter adapter = OpenPeftAdapter(kAdapters / "adapter_bare");
  EXPECT_THAT(adapter.tensors->Names(),
              ::testing::ElementsAre("model.layers.0.self_attn.q_proj.lora_A.weight",
                                     "model.layers.0.self_attn.q_proj.lora_B.weight"));
}

TEST(PeftAdapter, SaysWhatIsMissing) {
  EXPECT_FALSE(IsPeftAdapter(kAdapters / "single"));
  EXPECT_FALSE(IsPeftAdapter(kAdapters / "absent"));
  ExpectError(ErrorCode::kNotFound, "adapter_config.json",
              [] { OpenPeftAdapter(kAdapters / "single"); });
  const auto adapter = OpenPeftAdapter(kAdapters / "adapter");
  ExpectError(ErrorCode::kNotFound, "absent", [&] { adapter.tensors->Get("absent"); });
}

}  // namespace
}  // namespace dear
