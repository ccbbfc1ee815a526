// What is written is read back: safetensors, shards, GGUF.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/mapped_file.h"
#include "formats/gguf_writer.h"
#include "formats/safetensors.h"
#include "formats/testing/expect_error.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using testing::ExpectError;

class WritersTest : public ::testing::Test {
 protected:
  WritersTest() : folder_(std::filesystem::path(::testing::TempDir()) / "writers_test") {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~WritersTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

std::vector<std::byte> Bytes(size_t count, uint32_t seed) {
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) {
    seed = seed * 1664525u + 1013904223u;
    byte = static_cast<std::byte>(seed >> 24);
  }
  return bytes;
}

// A tensor of every type that `held` accepts, with rows of `cols`.
template <typename Held>
std::vector<Tensor> Tensors(int64_t cols, Held held) {
  std::vector<Tensor> tensors;
  for (int type = 0; type <= static_cast<int>(DType::kIQ4_XS); ++type) {
    const auto dtype = static_cast<DType>(type);
    if (!held(dtype)) continue;
    const auto size = *StorageBytes(dtype, static_cast<uint64_t>(3 * cols));
    tensors.push_back(MakeTensor("model." + std::string(DTypeName(dtype)), dtype, {3, cols},
                                 Bytes(size, static_cast<uint32_t>(type))));
  }
  return tensors;
}

void ExpectSame(const TensorSource& source, std::span<const Tensor> tensors) {
  EXPECT_EQ(source.Names().size(), tensors.size());
  for (const Tensor& tensor : tensors) {
    const Tensor read = source.Get(tensor.name);
    EXPECT_EQ(read.dtype, tensor.dtype);
    EXPECT_EQ(read.shape, tensor.shape);
    EXPECT_TRUE(
        std::equal(read.bytes.begin(), read.bytes.end(), tensor.bytes.begin(), tensor.bytes.end()))
        << tensor.name;
  }
}

bool IsPlain(DType dtype) {
  return !IsBlockQuantized(dtype);
}

TEST_F(WritersTest, SafetensorsOfEveryType) {
  auto tensors = Tensors(5, IsPlain);
  tensors.push_back(MakeTensor("scalar", {}, {1.5f}));
  tensors.push_back(MakeTensor("empty", {0, 7}, {}));
  tensors.push_back(MakeTensor("\"quoted\" \u00e9", {1}, {2.5f}));
  const auto path = folder_ / "a.safetensors";
  WriteSafetensors(path, tensors, {{"format", "pt"}, {"note", "two\nlines"}});
  const auto file = SafetensorsFile::Open(path);
  ExpectSame(*file, tensors);
  EXPECT_EQ(file->metadata().size(), 2u);
  EXPECT_EQ(file->metadata().at("note"), "two\nlines");
  WriteSafetensors(path, std::span<const Tensor>(), {});
  EXPECT_TRUE(SafetensorsFile::Open(path)->Names().empty());
}

TEST_F(WritersTest, SafetensorsRefusesWhatTheFormatCannotHold) {
  const auto path = folder_ / "a.safetensors";
  const auto write = [&](std::vector<Tensor> tensors) { WriteSafetensors(path, tensors, {}); };
  const Tensor one = MakeTensor("a", {1}, {1.0f});
  ExpectError(ErrorCode::kInvalidArgument, "tensor 'a': the name is taken", [&] {
    write({one, one});
  });
  ExpectError(ErrorCode::kInvalidArgument, "taken",
              [&] { write({MakeTensor("__metadata__", {1}, {1.0f})}); });
  ExpectError(ErrorCode::kInvalidArgument, "UTF-8",
              [&] { write({MakeTensor("\xff", {1}, {1.0f})}); });
  ExpectError(ErrorCode::kUnsupported, "cannot hold type q8_0", [&] {
    write({MakeTensor("q", DType::kQ8_0, {1, 32}, Bytes(34, 1))});
  });
  ExpectError(ErrorCode::kNotFound, "missing/a.safetensors", [&] {
    WriteSafetensors(folder_ / "missing/a.safetensors", std::vector<Tensor>{one}, {});
  });
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(WritersTest, AProducerThatStopsEarlyLeavesNoFile) {
  const std::vector<TensorSpec> specs = {{"a", DType::kF32, {4}}};
  const auto few = [](size_t, const WriteBytesFn& write) { write(Bytes(12, 1)); };
  ExpectError(ErrorCode::kInternal, "took 12 bytes, expected 16",
              [&] { WriteSafetensors(folder_ / "a", specs, few, {}); });
  ExpectError(ErrorCode::kInternal, "took 12 bytes, expected 16",
              [&] { GgufWriter().Write(folder_ / "a", specs, few); });
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(WritersTest, SmallModelsAreOneFileLargeOnesAreShards) {
  const auto tensors = Tensors(8, IsPlain);
  const auto specs = SpecsOf(tensors);
  EXPECT_THAT(WriteSafetensorsSharded(folder_, specs, BytesOf(tensors), {{"format", "pt"}}),
              ElementsAre("model.safetensors"));
  ExpectSame(*OpenSafetensorsFolder(folder_), tensors);
  ExpectError(ErrorCode::kInvalidArgument, "instead of the shards",
              [&] { WriteSafetensorsSharded(folder_, specs, BytesOf(tensors), {}, 200); });
  std::filesystem::remove(folder_ / "model.safetensors");

  const auto files = WriteSafetensorsSharded(folder_, specs, BytesOf(tensors), {}, 200);
  EXPECT_GT(files.size(), 5u);
  EXPECT_EQ(files.front(), "model-00001-of-0000" + std::to_string(files.size()) + ".safetensors");
  ExpectSame(*OpenSafetensorsFolder(folder_), tensors);
  for (const std::string& file : files) {
    const auto shard = SafetensorsFile::Open(folder_ / file);
    uint64_t size = 0;
    for (const std::string& name : shard->Names()) size += shard->Get(name).bytes.size();
    EXPECT_LE(size, 200u);
  }
  // A tensor larger than a shard has one of its own.
  EXPECT_EQ(WriteSafetensorsSharded(folder_, specs, BytesOf(tensors), {}, 1).size(),
            tensors.size());
}

TEST_F(WritersTest, GgufOfEveryType) {
  auto tensors = Tensors(256, [](DType dtype) {
    return dtype != DType::kBool && dtype != DType::kF8E4M3 && dtype != DType::kF8E5M2 &&
           (dtype < DType::kU64 || dtype > DType::kU8);
  });
  tensors.push_back(MakeTensor("vector", {3}, {1, 2, 3}));
  tensors.push_back(MakeTensor("cube", {2, 3, 4}, std::vector<float>(24, 0.5f)));
  GgufWriter writer;
  writer.SetString("general.architecture", "llama");
  writer.SetBool("b", true);
  writer.SetU32("u", 4294967295u);
  writer.SetI64("i", INT64_MIN);
  writer.SetF32("f", 0.1f);
  writer.SetF64("d", 0.1);
  writer.SetStrings("s", {"", "two\nlines"});
  writer.SetF32s("fs", {0.5f, -1.0f});
  writer.SetI32s("is", {1, -1});
  writer.SetU32("u", 7);  // replaced
  const auto path = folder_ / "a.gguf";
  writer.Write(path, SpecsOf(tensors), BytesOf(tensors));

  const auto file = GgufFile::Open(path);
  ExpectSame(*file, tensors);
  EXPECT_EQ(file->metadata().size(), 9u);
  EXPECT_EQ(file->String("general.architecture"), "llama");
  EXPECT_EQ(file->Bool("b"), true);
  EXPECT_EQ(file->Int("u"), 7);
  EXPECT_EQ(file->Int("i"), INT64_MIN);
  EXPECT_EQ(file->Number("f"), double{0.1f});
  EXPECT_EQ(file->Number("d"), 0.1);
  EXPECT_THAT(*file->Strings("s"), ElementsAre("", "two\nlines"));
  EXPECT_THAT(*file->Numbers("fs"), ElementsAre(0.5, -1.0));
  EXPECT_THAT(*file->Ints("is"), ElementsAre(1, -1));
  EXPECT_EQ(std::filesystem::file_size(path) % 32, 0u);
}

TEST_F(WritersTest, GgufMetadataOfAnotherFileIsKept) {
  const auto original = GgufFile::Open(DEAR_SOURCE_DIR "/tests/golden/formats/all_types.gguf");
  GgufWriter writer;
  writer.CopyMetadata(*original);
  const auto path = folder_ / "copy.gguf";
  writer.Write(path, {}, nullptr);
  auto expected = original->metadata();
  expected.erase("general.alignment");
  EXPECT_EQ(GgufFile::Open(path)->metadata(), expected);
}

TEST_F(WritersTest, GgufRefusesWhatTheFormatCannotHold) {
  const auto write = [&](std::vector<TensorSpec> specs) {
    GgufWriter().Write(folder_ / "a", specs, [](size_t, const WriteBytesFn&) {});
  };
  ExpectError(ErrorCode::kUnsupported, "GGUF cannot hold type bool", [&] {
    write({{"a", DType::kBool, {1}}});
  });
  ExpectError(ErrorCode::kInvalidArgument, "the name is taken", [&] {
    write({{"a", DType::kF32, {1}}, {"a", DType::kF32, {1}}});
  });
  ExpectError(ErrorCode::kInvalidArgument, "cannot be stored as q4_1", [&] {
    write({{"a", DType::kQ4_1, {2, 16}}});
  });
  ExpectError(ErrorCode::kInvalidArgument, "cannot be stored as f32", [&] {
    write({{"a", DType::kF32, {-1, -1}}});
  });
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

}  // namespace
}  // namespace dear
