#include "formats/random_checkpoint.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace dear {
namespace {

TEST(RandomCheckpointTest, NumbersAreAroundZeroAndTheSameEveryTime) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kQ4_0, DType::kQ8_0}) {
    const Checkpoint checkpoint = RandomCheckpoint("135m", dtype);
    const std::string name = "model.layers.3.mlp.down_proj.weight";
    const Tensor tensor = checkpoint.tensors->Get(name);
    EXPECT_EQ(tensor.dtype, dtype);
    EXPECT_EQ(tensor.shape, (std::vector<int64_t>{576, 1536}));
    const std::vector<float> values = ToF32(tensor);
    double sum = 0;
    double squares = 0;
    for (const float value : values) {
      sum += value;
      squares += double{value} * value;
    }
    const auto count = static_cast<double>(values.size());
    EXPECT_NEAR(std::sqrt(squares / count), 0.02, 0.0004) << DTypeName(dtype);
    EXPECT_NEAR(sum / count, 0, 0.0002) << DTypeName(dtype);
    EXPECT_EQ(values, ToF32(RandomCheckpoint("135m", dtype).tensors->Get(name)));
    EXPECT_NE(values, ToF32(checkpoint.tensors->Get("model.layers.4.mlp.down_proj.weight")));
    EXPECT_EQ(ToF32(checkpoint.tensors->Get("model.norm.weight")), std::vector<float>(576, 1));
  }
}

TEST(RandomCheckpointTest, HasTheParametersOfItsModel) {
  const auto parameters = [](std::string_view shape) {
    const Checkpoint checkpoint = RandomCheckpoint(shape, DType::kQ4_0);
    const ModelConfig& c = checkpoint.config;
    const int64_t layer = c.hidden_size * c.head_dim * (2 * c.num_heads + 2 * c.num_kv_heads) +
                          3 * c.hidden_size * c.intermediate_size + 2 * c.hidden_size;
    return c.num_layers * layer + c.hidden_size +
           c.vocab_size * c.hidden_size * (c.tie_word_embeddings ? 1 : 2);
  };
  // As the models' cards and their safetensors headers say.
  EXPECT_EQ(parameters("135m"), 134515008);
  EXPECT_EQ(parameters("llama-1b"), 1235814400);
  EXPECT_EQ(parameters("llama-3b"), 3212749824);
  EXPECT_EQ(parameters("llama-8b"), 8030261248);
  EXPECT_EQ(parameters("llama-13b"), 13015864320);
  EXPECT_EQ(RandomShapes().size(), 5U);
}

TEST(RandomCheckpointTest, RefusesWhatItDoesNotKnow) {
  EXPECT_THROW(RandomCheckpoint("7b", DType::kBF16), Error);
  EXPECT_THROW(RandomCheckpoint("135m", DType::kQ4_K), Error);
  const Checkpoint checkpoint = RandomCheckpoint("135m", DType::kBF16);
  EXPECT_FALSE(checkpoint.tensors->Contains("lm_head.weight"));
  EXPECT_THROW(checkpoint.tensors->Get("lm_head.weight"), Error);
}

}  // namespace
}  // namespace dear
