#include "formats/torch_archive.h"

#include <algorithm>

#include "base/json.h"
#include "base/mapped_file.h"
#include "formats/testing/byte_builder.h"
#include "formats/testing/expect_error.h"

namespace dear {
namespace {

using testing::ExpectError;
using testing::ParseBytes;

const std::string kTorchGolden = DEAR_SOURCE_DIR "/tests/golden/formats/torch/";

const std::map<std::string, DType> kTypes = {{"float32", DType::kF32},   {"float16", DType::kF16},
                                             {"bfloat16", DType::kBF16}, {"float64", DType::kF64},
                                             {"int8", DType::kI8},       {"uint8", DType::kU8},
                                             {"int16", DType::kI16},     {"int32", DType::kI32},
                                             {"int64", DType::kI64},     {"bool", DType::kBool}};

void ExpectTensors(const TorchArchive& archive) {
  const Json expected = ReadJsonFile(kTorchGolden + "expected.json").at("tensors");
  EXPECT_EQ(archive.Names().size(), expected.size());
  for (const auto& [name, want] : expected.items()) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(archive.Contains(name));
    const Tensor tensor = archive.Get(name);
    EXPECT_EQ(tensor.name, name);
    EXPECT_EQ(tensor.dtype, kTypes.at(want.at("dtype")));
    EXPECT_EQ(Json(tensor.shape), want.at("shape"));
    const std::vector<float> values = ToF32(tensor);
    ASSERT_EQ(values.size(), want.at("values").size());
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(values[i], static_cast<float>(want.at("values")[i].get<double>()));
    }
  }
}

TEST(TorchArchive, ReadsEveryTypeAndStride) {
  ExpectTensors(*TorchArchive::Open(kTorchGolden + "tensors.bin"));
  ExpectTensors(*TorchArchive::Open(kTorchGolden + "protocol4.bin"));
}

TEST(TorchArchive, MapsWhatIsContiguous) {
  const auto archive = TorchArchive::Open(kTorchGolden + "tensors.bin");
  EXPECT_EQ(archive->Get("f32").bytes.data(), archive->Get("same").bytes.data());
  EXPECT_NE(archive->Get("transposed").bytes.data(), archive->Get("transposed").bytes.data());
  ExpectError(ErrorCode::kNotFound, "absent", [&] { archive->Get("absent"); });
}

TEST(TorchArchive, ReadsAStateDict) {
  const auto archive = TorchArchive::Open(kTorchGolden + "state_dict.bin");
  EXPECT_THAT(archive->Names(), ::testing::ElementsAre("bias", "weight"));
  EXPECT_EQ(archive->Get("weight").ShapeString(), "[2, 3]");
}

TEST(TorchArchive, RefusesAllButTensors) {
  const auto refuse = [](const char* file, ErrorCode code, const std::string& message) {
    SCOPED_TRACE(file);
    ExpectError(code, message, [&] { TorchArchive::Open(kTorchGolden + file); });
  };
  refuse("hostile.bin", ErrorCode::kUnsupported, "system");
  refuse("number.bin", ErrorCode::kUnsupported, "'step' is no tensor");
  refuse("nested.bin", ErrorCode::kUnsupported, "'state_dict' is no tensor");
  refuse("complex.bin", ErrorCode::kUnsupported, "ComplexFloatStorage");
  refuse("expanded.bin", ErrorCode::kInvalidFormat, "overlap");
  refuse("legacy.bin", ErrorCode::kUnsupported, "old format");
  refuse("plain.pkl", ErrorCode::kInvalidFormat, "no zip file");
  refuse("absent.bin", ErrorCode::kNotFound, "absent.bin");
}

// No byte of an archive, changed or cut off, may do more than give an Error.
TEST(TorchArchive, SurvivesDamage) {
  const std::string whole = ReadFile(kTorchGolden + "state_dict.bin");
  for (size_t length = 0; length < whole.size(); length += 3) {
    EXPECT_THROW(ParseBytes<TorchArchive>(std::string_view(whole).substr(0, length)), Error);
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    try {
      const auto archive = ParseBytes<TorchArchive>(damaged);
      for (const auto& name : archive->Names()) archive->Get(name);
    } catch (const Error&) {  // what is expected
    }
  }
}

TEST(OpenTorchFolder, NamesWhatIsMissing) {
  ExpectError(ErrorCode::kNotFound, "pytorch_model.bin.index.json",
              [] { OpenTorchFolder("/nonexistent"); });
}

}  // namespace
}  // namespace dear
