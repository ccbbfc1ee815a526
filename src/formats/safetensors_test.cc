#include "formats/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/mapped_file.h"
#include "formats/testing/byte_builder.h"
#include "formats/testing/expect_error.h"

namespace dear {
namespace {

using testing::ByteBuilder;
using ::testing::ElementsAre;
using testing::ExpectError;
using testing::ParseBytes;

const char* const kAllDtypes = DEAR_SOURCE_DIR "/tests/golden/formats/all_dtypes.safetensors";

std::string File(std::string_view header, size_t data_bytes) {
  return ByteBuilder().Put<uint64_t>(header.size()).Text(header).Zeros(data_bytes).str();
}

void ExpectInvalid(std::string_view header, size_t data_bytes, const std::string& text,
                   ErrorCode code = ErrorCode::kInvalidFormat) {
  ExpectError(code, text, [&] { ParseBytes<SafetensorsFile>(File(header, data_bytes)); });
}

TEST(SafetensorsTest, ReadsEveryDtypeOfTheReferenceLibrary) {
  const auto file = SafetensorsFile::Open(kAllDtypes);
  EXPECT_EQ(file->Names().size(), 17u);
  EXPECT_EQ(file->metadata().at("format"), "d\u00e9j\u00e0");
  for (const std::string& name : file->Names()) {
    const Tensor tensor = file->Get(name);
    if (name == "scalar") {
      EXPECT_EQ(tensor.shape, (std::vector<int64_t>{}));
      EXPECT_THAT(ToF32(tensor), ElementsAre(2.5f));
    } else if (name == "empty") {
      EXPECT_EQ(tensor.shape, (std::vector<int64_t>{0, 4}));
      EXPECT_TRUE(ToF32(tensor).empty());
    } else {
      EXPECT_EQ(tensor.shape, (std::vector<int64_t>{2, 3})) << name;
      if (name == "bool") {
        EXPECT_THAT(ToF32(tensor), ElementsAre(0, 1, 1, 1, 1, 1));
      } else {
        EXPECT_THAT(ToF32(tensor), ElementsAre(0, 1, 2, 3, 4, 5)) << name;
      }
    }
  }
  EXPECT_EQ(file->Get("float8_e4m3fn").dtype, DType::kF8E4M3);
}

TEST(SafetensorsTest, TensorsKeepTheFileMapped) {
  auto file = SafetensorsFile::Open(kAllDtypes);
  const Tensor tensor = file->Get("float32");
  file.reset();
  EXPECT_THAT(ToF32(tensor), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(SafetensorsTest, NamesWhatIsMissing) {
  const auto file = SafetensorsFile::Open(kAllDtypes);
  EXPECT_FALSE(file->Contains("lm_head.weight"));
  ExpectError(ErrorCode::kNotFound, "all_dtypes.safetensors: holds no tensor 'lm_head.weight'",
              [&] { file->Get("lm_head.weight"); });
  ExpectError(ErrorCode::kNotFound, "nowhere.safetensors",
              [&] { SafetensorsFile::Open("/nowhere.safetensors"); });
}

TEST(SafetensorsTest, AnEmptyHeaderIsAFileWithoutTensors) {
  EXPECT_TRUE(ParseBytes<SafetensorsFile>(File("{}", 0))->Names().empty());
  EXPECT_TRUE(ParseBytes<SafetensorsFile>(File("{}      ", 0))->Names().empty());
}

TEST(SafetensorsTest, RefusesBrokenFraming) {
  const auto expect = [](const std::string& bytes, const std::string& text) {
    ExpectError(ErrorCode::kInvalidFormat, text, [&] { ParseBytes<SafetensorsFile>(bytes); });
  };
  expect("", "not a safetensors file");
  expect("1234567", "not a safetensors file");
  expect(ByteBuilder().Put<uint64_t>(UINT64_MAX).Text("{}").str(), "does not fit in the file");
  expect(ByteBuilder().Put<uint64_t>(3).Text("{}").str(), "does not fit in the file");
  expect(ByteBuilder().Put<uint64_t>(0).str(), "does not begin with '{'");
  expect(File(" {}", 0), "does not begin with '{'");
  ExpectInvalid("{\"a\"", 0, "not valid JSON");
  ExpectInvalid("{}{}", 0, "not valid JSON");
  ExpectInvalid("{\"\xff\":1}", 0, "not valid JSON");
  ExpectInvalid("{}", 1, "holds 1 bytes of tensor data, its tensors take 0");
}

TEST(SafetensorsTest, RefusesBrokenHeaders) {
  ExpectInvalid(R"({"a":1})", 0, "unexpected value");
  ExpectInvalid(R"({"a":[1]})", 0, "unexpected value");
  ExpectInvalid(R"({"__metadata__":{"k":1}})", 0, "in '__metadata__'");
  ExpectInvalid(R"({"__metadata__":{"k":"1","k":"2"}})", 0, "'k' twice");
  ExpectInvalid(R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4, "an array");
  ExpectInvalid(R"({"a":{"dtype":"F32","shape":{},"data_offsets":[0,4]}})", 4, "an object");
  ExpectInvalid(R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4, "a fraction");
  ExpectInvalid(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "negative");
  ExpectInvalid(R"({"a":{"dtype":"F32","shape":null,"data_offsets":[0,4]}})", 4, "null");
  ExpectInvalid(R"({"a":{"dtype":4,"shape":[1],"data_offsets":[0,4]}})", 4, "a number");
  ExpectInvalid(R"({"a":{"shape":[1],"data_offsets":[0,4]}})", 4, "'dtype' is missing");
  ExpectInvalid(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4, "'shape' is missing");
  ExpectInvalid(R"({"a":{"dtype":"F32","shape":[1]}})", 4, "'data_offsets' is missing");
  ExpectInvalid(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4, "two numbers");
  ExpectInvalid(R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4,
                "'dtype' stands twice");
  ExpectInvalid(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", 4, "unknown");
  ExpectInvalid(R"({"a\nb":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4, "control");
  ExpectInvalid("{\"" + std::string(2000, 'a') + "\":{}}", 0, "2000 bytes long");
  ExpectInvalid("{\"a\":" + std::string(100000, '['), 0, "unexpected value");
  ExpectInvalid(R"({"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}})", 8,
                "dtype 'C64' is not supported", ErrorCode::kUnsupported);
}

TEST(SafetensorsTest, RefusesTensorsThatDoNotFit) {
  ExpectInvalid(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", 4, "lie outside");
  ExpectInvalid(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}})", 8, "lie outside");
  ExpectInvalid(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}})", 4,
                "lie outside");
  ExpectInvalid(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4,
                "shape [2] of F32 takes 8 bytes, data_offsets give 4");
  ExpectInvalid(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}})", 4,
                "too large");
  ExpectInvalid(R"({"a":{"dtype":"F32","shape":[9223372036854775807,3,0],"data_offsets":[0,0]}})",
                0, "too large");
  ExpectInvalid(R"({"a":{"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,4]}})", 4,
                "too large");
  // A name twice, an overlap, a hole, bytes left over.
  ExpectInvalid(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                R"("a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                2, "'a' stands twice");
  ExpectInvalid(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                3, "overlap");
  ExpectInvalid(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                R"("b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
                3, "tensor 'b': begins at byte 2 of the tensor data, expected 1");
  ExpectInvalid(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 3, "holds 3 bytes");
}

TEST(SafetensorsTest, EveryTruncationIsAnError) {
  const std::string whole = ReadFile(kAllDtypes);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(ParseBytes<SafetensorsFile>(whole.substr(0, size)), Error) << size;
  }
}

TEST(SafetensorsTest, EveryFlippedBitIsAnErrorOrAReadableFile) {
  const std::string whole = ReadFile(kAllDtypes);
  size_t errors = 0;
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    try {
      const auto file = ParseBytes<SafetensorsFile>(flipped);
      for (const std::string& name : file->Names()) ToF32(file->Get(name));
    } catch (const Error&) {
      ++errors;
    }
  }
  EXPECT_GT(errors, 1000u);
}

}  // namespace
}  // namespace dear
