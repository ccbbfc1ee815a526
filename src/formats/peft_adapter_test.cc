#include "formats/peft_adapter.h"

#include "base/testing/goldens.h"
#include "formats/testing/expect_error.h"

namespace dear {
namespace {

namespace fs = std::filesystem;
using testing::ExpectError;

using testing::kCheckpoints;

TEST(PeftAdapter, ReadsBothContainersAlike) {
  ASSERT_TRUE(IsPeftAdapter(kCheckpoints / "adapter"));
  const PeftAdapter adapter = OpenPeftAdapter(kCheckpoints / "adapter");
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
  const PeftAdapter pickled = OpenPeftAdapter(kCheckpoints / "adapter_bin");
  EXPECT_EQ(pickled.tensors->Names(), adapter.tensors->Names());
  for (const std::string& name : adapter.tensors->Names()) {
    EXPECT_EQ(ToF32(pickled.tensors->Get(name)), ToF32(adapter.tensors->Get(name)));
  }
}

TEST(PeftAdapter, PutsThePrefixOnABareModelsNames) {
  const PeftAdapter adapter = OpenPeftAdapter(kCheckpoints / "adapter_bare");
  EXPECT_THAT(adapter.tensors->Names(),
              ::testing::ElementsAre("model.layers.0.self_attn.q_proj.lora_A.weight",
                                     "model.layers.0.self_attn.q_proj.lora_B.weight"));
}

TEST(PeftAdapter, SaysWhatIsMissing) {
  EXPECT_FALSE(IsPeftAdapter(kCheckpoints / "single"));
  EXPECT_FALSE(IsPeftAdapter(kCheckpoints / "absent"));
  ExpectError(ErrorCode::kNotFound, "adapter_config.json",
              [] { OpenPeftAdapter(kCheckpoints / "single"); });
  const auto adapter = OpenPeftAdapter(kCheckpoints / "adapter");
  ExpectError(ErrorCode::kNotFound, "absent", [&] { adapter.tensors->Get("absent"); });
}

}  // namespace
}  // namespace dear
