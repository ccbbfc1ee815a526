#include "formats/bnb_checkpoint.h"

#include <cstring>

#include "formats/model_config.h"
#include "formats/safetensors.h"
#include "formats/testing/expect_error.h"

namespace dear {
namespace {

using testing::ExpectError;

const std::string kBnbGolden = DEAR_SOURCE_DIR "/tests/golden/formats/bnb/";
constexpr const char* kKey = "model.layers.0.self_attn.k_proj.weight";
constexpr const char* kDown = "model.layers.0.mlp.down_proj.weight";

std::vector<float> Dense(const Matrix& matrix) {
  std::vector<float> values(static_cast<size_t>(matrix.rows() * matrix.cols()));
  matrix.CopyRows(0, matrix.rows(), values.data());
  return values;
}

// Tensors of a file, some put in the place of others.
class ChangedTensors : public TensorSource {
 public:
  explicit ChangedTensors(const std::string& file)
      : file_(SafetensorsFile::Open(kBnbGolden + file + ".safetensors")) {}

  ChangedTensors& Put(const std::string& name, Tensor tensor) {
    tensor.name = name;
    changed_[name] = std::move(tensor);
    return *this;
  }
  ChangedTensors& PutText(const std::string& name, const std::string& text) {
    std::vector<std::byte> bytes(text.size());
    std::memcpy(bytes.data(), text.data(), text.size());
    return Put(name, MakeTensor(name, DType::kU8, {static_cast<int64_t>(text.size())}, bytes));
  }
  ChangedTensors& Drop(const std::string& name) {
    dropped_.push_back(name);
    return *this;
  }

  std::vector<std::string> Names() const override { return file_->Names(); }
  bool Contains(std::string_view name) const override {
    if (std::find(dropped_.begin(), dropped_.end(), name) != dropped_.end()) return false;
    return changed_.count(std::string(name)) != 0 || file_->Contains(name);
  }
  Tensor Get(std::string_view name) const override {
    const auto found = changed_.find(std::string(name));
    if (found != changed_.end()) return found->second;
    if (!Contains(name)) throw Error(ErrorCode::kNotFound, origin(), std::string(name));
    return file_->Get(name);
  }
  const std::string& origin() const override { return file_->origin(); }

 private:
  std::shared_ptr<const SafetensorsFile> file_;
  std::map<std::string, Tensor> changed_;
  std::vector<std::string> dropped_;
};

TEST(LoadWeight, HasTheBitsOfBitsandbytes) {
  const std::pair<const char*, const char*> cases[] = {
      {"nf4", "nf4"},        {"fp4", "fp4"},         {"nf4_double", "nf4"},
      {"fp4_double", "fp4"}, {"nf4_storage", "nf4"}, {"int8", "int8"}};
  for (const auto& [file, form] : cases) {
    SCOPED_TRACE(file);
    const auto stored = SafetensorsFile::Open(kBnbGolden + file + ".safetensors");
    const auto expected = SafetensorsFile::Open(kBnbGolden + file + ".values.safetensors");
    for (const char* name : {kKey, kDown, "lm_head.weight"}) {
      SCOPED_TRACE(name);
      const auto matrix = LoadWeight(*stored, name);
      const Tensor want = expected->Get(name);
      ASSERT_EQ(matrix->rows(), want.shape[0]);
      ASSERT_EQ(matrix->cols(), want.shape[1]);
      const std::vector<float> values = Dense(*matrix);
      ASSERT_EQ(values.size() * sizeof(float), want.bytes.size());
      EXPECT_EQ(std::memcmp(values.data(), want.bytes.data(), want.bytes.size()), 0);
      if (name != std::string("lm_head.weight")) {
        EXPECT_EQ(matrix->form(), form);
      }
    }
  }
}

TEST(LoadWeight, ReadsTheConfigurationsThatGoWithThem) {
  const Json configs = ReadJsonFile(kBnbGolden + "configs.json").at("configs");
  EXPECT_TRUE(ParseModelConfig(configs.at("nf4_double"), "c").bitsandbytes->load_in_4bit);
  EXPECT_TRUE(ParseModelConfig(configs.at("int8"), "c").bitsandbytes->load_in_8bit);
}

TEST(LoadWeight, RefusesWhatDoesNotFit) {
  const std::string state = std::string(kKey) + ".quant_state.bitsandbytes__nf4";
  const auto load = [](const ChangedTensors& tensors) {
    return [&] { LoadWeight(tensors, kKey); };
  };
  const auto with_state = [&](const std::string& text) {
    return ChangedTensors("nf4").PutText(state, text);
  };
  const auto invalid = ErrorCode::kInvalidFormat;
  const char* const texts[][2] = {
      {"{", "JSON"},
      {R"({"quant_type": "fp4"})", "quant_type"},
      {R"({"quant_type": "nf4", "blocksize": 0})", "blocksize"},
      {R"({"quant_type": "nf4", "blocksize": 48})", "blocksize"},
      {R"({"quant_type": "nf4", "blocksize": 64, "dtype": "int8"})", "dtype"},
      {R"({"quant_type": "nf4", "blocksize": 64, "dtype": "float32"})", "shape"},
      {R"({"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": [48]})", "shape"},
      {R"({"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": [-1, 5]})", "shape"},
      {R"({"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": [99999999999, 9]})",
       "shape"},
      {R"({"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": [32, 65]})", "1040"},
      {R"({"quant_type": "nf4", "blocksize": 32, "dtype": "float32", "shape": [32, 64]})",
       "64 f32"},
  };
  for (const auto& [text, message] : texts) {
    SCOPED_TRACE(text);
    const ChangedTensors tensors = with_state(text);
    ExpectError(invalid, message, load(tensors));
  }
  const Tensor few = MakeTensor("x", {2}, {1, 2});
  const std::string name = kKey;
  ExpectError(invalid, "32 f32", load(ChangedTensors("nf4").Put(name + ".absmax", few)));
  ExpectError(invalid, "32 bytes", load(ChangedTensors("nf4_double").Put(name + ".absmax", few)));
  ExpectError(invalid, "256 f32",
              load(ChangedTensors("nf4_double").Put(name + ".nested_quant_map", few)));
  ExpectError(ErrorCode::kNotFound, "nested_quant_map",
              load(ChangedTensors("nf4_double").Drop(name + ".nested_quant_map")));
  ExpectError(invalid, "no scale", load(ChangedTensors("nf4").Drop(state)));
  const std::string scales = "model.layers.0.self_attn.k_proj.SCB";
  ExpectError(invalid, "no scale", load(ChangedTensors("int8").Drop(scales)));
  ExpectError(invalid, "32 f32", load(ChangedTensors("int8").Put(scales, few)));
  ExpectError(ErrorCode::kUnsupported, "layout",
              load(ChangedTensors("int8").Put("model.layers.0.self_attn.k_proj.weight_format",
                                              MakeTensor("x", DType::kU8, {}, {std::byte{2}}))));
  ExpectError(ErrorCode::kNotFound, "absent", [] { LoadWeight(ChangedTensors("nf4"), "absent"); });
}

}  // namespace
}  // namespace dear
