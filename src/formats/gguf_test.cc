#include "formats/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "base/error.h"
#include "formats/ggml_types.h"
#include "formats/testing/byte_builder.h"
#include "formats/testing/expect_error.h"

namespace dear {
namespace {

using testing::ByteBuilder;
using ::testing::ElementsAre;
using testing::ExpectError;
using testing::ParseBytes;

const char* const kAllTypes = DEAR_SOURCE_DIR "/tests/golden/formats/all_types.gguf";

ByteBuilder Head(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
  ByteBuilder b;
  b.Text("GGUF").Put(version).Put(tensors).Put(keys);
  return b;
}

ByteBuilder& PutKey(ByteBuilder& b, std::string_view key, GgufType type) {
  return b.String(key).Put(static_cast<uint32_t>(type));
}

ByteBuilder& PutTensor(ByteBuilder& b, std::string_view name, std::vector<uint64_t> dims,
                       uint32_t type, uint64_t offset) {
  b.String(name).Put(static_cast<uint32_t>(dims.size()));
  for (const uint64_t dim : dims) b.Put(dim);
  return b.Put(type).Put(offset);
}

void ExpectInvalid(const ByteBuilder& b, const std::string& text,
                   ErrorCode code = ErrorCode::kInvalidFormat) {
  ExpectError(code, text, [&] { ParseBytes<GgufFile>(b.str()); });
}

TEST(GgufTest, ReadsMetadataOfEveryType) {
  const auto file = GgufFile::Open(kAllTypes);
  EXPECT_EQ(file->String("general.architecture"), "llama");
  EXPECT_EQ(file->Int("a.u8"), 255);
  EXPECT_EQ(file->Int("a.i8"), -128);
  EXPECT_EQ(file->Int("a.u16"), 65535);
  EXPECT_EQ(file->Int("a.i16"), -32768);
  EXPECT_EQ(file->Int("a.u32"), 4294967295);
  EXPECT_EQ(file->Int("a.i32"), INT32_MIN);
  EXPECT_EQ(file->Int("a.u64"), INT64_MAX);
  EXPECT_EQ(file->Int("a.i64"), INT64_MIN);
  EXPECT_EQ(file->Number("a.f32"), 0.5);
  EXPECT_EQ(file->Number("a.f64"), 1e300);
  EXPECT_EQ(file->Number("a.u8"), 255.0);  // an integer serves as a number
  EXPECT_EQ(file->Bool("a.bool"), true);
  EXPECT_EQ(file->String("a.string"), "d\u00e9j\u00e0 vu");
  EXPECT_THAT(*file->Ints("a.ints"), ElementsAre(1, -2, 3));
  EXPECT_THAT(*file->Numbers("a.floats"), ElementsAre(0.25, -0.5));
  EXPECT_EQ(std::get<std::vector<bool>>(file->metadata().at("a.bools")),
            (std::vector<bool>{true, false, true}));
  EXPECT_THAT(*file->Strings("a.strings"), ElementsAre("", "one", "\u4e8c"));
  EXPECT_THAT(*file->Ints("a.bytes"), ElementsAre(0, 255));

  EXPECT_EQ(file->Int("absent"), std::nullopt);
  EXPECT_EQ(file->Strings("absent"), nullptr);
  ExpectError(ErrorCode::kInvalidFormat, "all_types.gguf: metadata key 'a.string': expected an int",
              [&] { file->Int("a.string"); });
  ExpectError(ErrorCode::kInvalidFormat, "expected an array of strings",
              [&] { file->Strings("a.ints"); });
}

TEST(GgufTest, ReadsTensorsOfEveryType) {
  const auto file = GgufFile::Open(kAllTypes);
  for (const char* name :
       {"float32", "float16", "float64", "bfloat16", "int8", "int16", "int32", "int64"}) {
    const Tensor tensor = file->Get(name);
    EXPECT_EQ(tensor.shape, (std::vector<int64_t>{2, 3})) << name;
    EXPECT_THAT(ToF32(tensor), ElementsAre(0, 1, 2, 3, 4, 5)) << name;
  }
  size_t block_types = 0;
  for (const std::string& name : file->Names()) {
    const Tensor tensor = file->Get(name);
    if (!IsBlockQuantized(tensor.dtype)) continue;
    ++block_types;
    EXPECT_EQ(DTypeName(tensor.dtype), name);
    EXPECT_EQ(tensor.shape, (std::vector<int64_t>{3, Traits(tensor.dtype).block_elements}));
    EXPECT_EQ(ToF32(tensor).size(), static_cast<size_t>(tensor.elements()));
  }
  EXPECT_EQ(block_types, 12u);
  ExpectError(ErrorCode::kNotFound, "holds no tensor 'x'", [&] { file->Get("x"); });
}

TEST(GgufTest, Version2AndAnEmptyFileAreRead) {
  EXPECT_TRUE(ParseBytes<GgufFile>(Head(0, 0, 2).str())->Names().empty());
  EXPECT_TRUE(ParseBytes<GgufFile>(Head(0, 0, 3).str())->metadata().empty());
}

TEST(GgufTest, RefusesOtherFiles) {
  ExpectInvalid(ByteBuilder(), "ends too early");
  ExpectInvalid(ByteBuilder().Text("GGML").Zeros(40), "not a GGUF file");
  ExpectInvalid(Head(0, 0, 1), "version 1 is not supported", ErrorCode::kUnsupported);
  ExpectInvalid(Head(0, 0, 4), "version 4 is not supported", ErrorCode::kUnsupported);
  ExpectInvalid(Head(0, 0, 0x03000000), "big-endian", ErrorCode::kUnsupported);
}

TEST(GgufTest, RefusesCountsThatCannotBe) {
  ExpectInvalid(Head(1'000'000'000, 0), "claims 1000000000 tensors");
  ExpectInvalid(Head(0, UINT64_MAX), "metadata keys, more than fit");
  ByteBuilder array = Head(0, 1);
  PutKey(array, "k", GgufType::kArray).Put(static_cast<uint32_t>(GgufType::kString));
  ExpectInvalid(array.Put<uint64_t>(1'000'000'000'000), "metadata key 'k': claims");
  ByteBuilder text = Head(0, 1);
  PutKey(text, "k", GgufType::kString);
  ExpectInvalid(text.Put<uint64_t>(UINT64_MAX).Text("abc"), "ends too early");
  ByteBuilder key = Head(0, 1);
  ExpectInvalid(key.Put<uint64_t>(1ull << 62).Text("abc").Zeros(20), "ends too early");
}

TEST(GgufTest, RefusesBrokenMetadata) {
  ByteBuilder twice = Head(0, 2);
  PutKey(twice, "k", GgufType::kU8).Put<uint8_t>(1);
  ExpectInvalid(PutKey(twice, "k", GgufType::kU8).Put<uint8_t>(1), "'k': stands twice");

  ByteBuilder truth = Head(0, 1);
  ExpectInvalid(PutKey(truth, "k", GgufType::kBool).Put<uint8_t>(2), "must be 0 or 1");

  ByteBuilder large = Head(0, 1);
  ExpectInvalid(PutKey(large, "k", GgufType::kU64).Put(UINT64_MAX), "number too large");

  ByteBuilder unknown = Head(0, 1);
  ExpectInvalid(PutKey(unknown, "k", static_cast<GgufType>(99)).Zeros(8), "value type 99");

  ByteBuilder control = Head(0, 1);
  ExpectInvalid(PutKey(control, "a\nb", GgufType::kU8).Put<uint8_t>(1), "control characters");

  ByteBuilder nested = Head(0, 1);
  PutKey(nested, "k", GgufType::kArray).Put(static_cast<uint32_t>(GgufType::kArray));
  ExpectInvalid(nested.Put<uint64_t>(1).Zeros(40), "array of arrays", ErrorCode::kUnsupported);

  ByteBuilder alignment = Head(0, 1);
  PutKey(alignment, "general.alignment", GgufType::kU32).Put<uint32_t>(12);
  ExpectInvalid(alignment, "must be a power of two, found 12");

  ByteBuilder split = Head(0, 1);
  PutKey(split, "split.count", GgufType::kU16).Put<uint16_t>(3);
  ExpectInvalid(split, "split over several files", ErrorCode::kUnsupported);
}

TEST(GgufTest, RefusesTypesByTheirNames) {
  for (const auto& [number, name] : std::vector<std::pair<uint32_t, std::string>>{
           {16, "IQ2_XXS"}, {15, "Q8_K"}, {34, "TQ1_0"}, {39, "MXFP4"}, {1000, "number 1000"}}) {
    ByteBuilder b = Head(1, 0);
    PutTensor(b, "blk.0.w", {256}, number, 0).AlignTo(32).Zeros(256);
    ExpectInvalid(b, "tensor 'blk.0.w': type " + name + " is not supported",
                  ErrorCode::kUnsupported);
  }
}

TEST(GgufTest, RefusesTensorsThatDoNotFit) {
  const auto one = [](std::vector<uint64_t> dims, uint32_t type, uint64_t offset) {
    ByteBuilder b = Head(1, 0);
    PutTensor(b, "w", std::move(dims), type, offset).AlignTo(32).Zeros(64);
    return b;
  };
  ParseBytes<GgufFile>(one({16}, 0, 0).str());
  ExpectInvalid(one({17}, 0, 0), "lie outside");
  ExpectInvalid(one({1}, 0, 64), "lie outside");
  ExpectInvalid(one({1}, 0, UINT64_MAX), "lie outside");
  ExpectInvalid(one({1}, 0, UINT64_MAX - 31), "lie outside");
  ExpectInvalid(one({1}, 0, 4), "no multiple of the alignment 32");
  ExpectInvalid(one({1ull << 32, 1ull << 32}, 0, 0), "too large");
  ExpectInvalid(one({1ull << 62, 4, 0}, 0, 0), "too large");
  ExpectInvalid(one({16, 2}, 3, 0), "no whole q4_1 blocks of 32");
  ExpectInvalid(one({}, 3, 0), "no whole q4_1 blocks of 32");
  ExpectInvalid(one({1, 1, 1, 1, 1, 1, 1, 1, 1}, 0, 0), "has 9 dimensions");

  ByteBuilder overlap = Head(2, 0);
  PutTensor(overlap, "a", {16}, 0, 0);
  PutTensor(overlap, "b", {8}, 0, 32).AlignTo(32).Zeros(64);
  ExpectInvalid(overlap, "tensor 'b': its bytes overlap");
  ByteBuilder twice = Head(2, 0);
  PutTensor(twice, "a", {8}, 0, 0);
  PutTensor(twice, "a", {8}, 0, 32).AlignTo(32).Zeros(64);
  ExpectInvalid(twice, "tensor 'a': stands twice");
}

TEST(GgufTest, LargeVocabulariesAreReadQuickly) {
  ByteBuilder b = Head(0, 1);
  PutKey(b, "tokens", GgufType::kArray).Put(static_cast<uint32_t>(GgufType::kString));
  b.Put<uint64_t>(256 * 1024);
  for (int i = 0; i < 256 * 1024; ++i) b.String("token number " + std::to_string(i));
  const auto begin = std::chrono::steady_clock::now();
  const auto file = ParseBytes<GgufFile>(b.str());
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(file->Strings("tokens")->back(), "token number 262143");
  EXPECT_LT(took, std::chrono::seconds(2));  // milliseconds; the margin is for sanitizers
}

TEST(GgufTest, EveryTruncationIsAnErrorOrLosesOnlyPadding) {
  const std::string whole = ReadFile(kAllTypes);
  for (size_t size = 0; size + 64 < whole.size(); ++size) {
    EXPECT_THROW(ParseBytes<GgufFile>(whole.substr(0, size)), Error) << size;
  }
}

TEST(GgufTest, EveryFlippedBitIsAnErrorOrAReadableFile) {
  const std::string whole = ReadFile(kAllTypes);
  size_t errors = 0;
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    try {
      const auto file = ParseBytes<GgufFile>(flipped);
      for (const std::string& name : file->Names()) ToF32(file->Get(name));
    } catch (const Error&) {
      ++errors;
    }
  }
  EXPECT_GT(errors, 1000u);
}

}  // namespace
}  // namespace dear
