#include "formats/renamed_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/testing/expect_error.h"

namespace dear {
namespace {

class TwoTensors : public TensorSource {
 public:
  std::vector<std::string> Names() const override { return {"a", "b"}; }
  bool Contains(std::string_view name) const override { return name == "a" || name == "b"; }
  Tensor Get(std::string_view name) const override {
    return MakeTensor(std::string(name), {1}, {name == "a" ? 1.0F : 2.0F});
  }
  const std::string& origin() const override { return origin_; }

 private:
  std::string origin_ = "two";
};

TEST(RenamedTensorsTest, HandsOutTheSourcesTensorsUnderNewNames) {
  const RenamedTensors renamed(std::make_shared<TwoTensors>(), {{"y", "a"}, {"x", "b"}});
  EXPECT_THAT(renamed.Names(), ::testing::ElementsAre("x", "y"));
  EXPECT_TRUE(renamed.Contains("x"));
  EXPECT_FALSE(renamed.Contains("a"));
  const Tensor tensor = renamed.Get("x");
  EXPECT_EQ(tensor.name, "b");
  EXPECT_THAT(ToF32(tensor), ::testing::ElementsAre(2.0F));
}

TEST(RenamedTensorsTest, AMissingTensorNamesItselfAndTheFile) {
  const RenamedTensors renamed(std::make_shared<TwoTensors>(), {{"x", "b"}});
  testing::ExpectError(ErrorCode::kNotFound, "two: holds no tensor 'b'", [&] { renamed.Get("b"); });
}

}  // namespace
}  // namespace dear
