#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/mapped_file.h"
#include "formats/safetensors.h"
#include "formats/testing/byte_builder.h"
#include "formats/testing/expect_error.h"

namespace dear {
namespace {

using testing::ByteBuilder;
using ::testing::ElementsAre;
using testing::ExpectError;

class SafetensorsFolderTest : public ::testing::Test {
 protected:
  SafetensorsFolderTest()
      : folder_(std::filesystem::path(::testing::TempDir()) / "safetensors_folder_test") {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ / "model");
  }
  ~SafetensorsFolderTest() override { std::filesystem::remove_all(folder_); }

  void Put(const std::string& name, std::string_view text) {
    WriteFileAtomically(folder_ / "model" / name, std::as_bytes(std::span(text)));
  }
  // A file with one f32 tensor of one number, zero.
  void PutShard(const std::string& file, const std::string& tensor) {
    const std::string header =
        "{\"" + tensor + R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
    Put(file, ByteBuilder().Put<uint64_t>(header.size()).Text(header).Zeros(4).str());
  }
  void PutIndex(const std::string& weight_map) {
    Put("model.safetensors.index.json", R"({"metadata":{},"weight_map":)" + weight_map + "}");
  }
  auto Open() { return OpenSafetensorsFolder(folder_ / "model"); }

  std::filesystem::path folder_;
};

TEST_F(SafetensorsFolderTest, OneFile) {
  PutShard("model.safetensors", "a");
  EXPECT_THAT(Open()->Names(), ElementsAre("a"));
}

TEST_F(SafetensorsFolderTest, ShardsOfAnIndex) {
  PutShard("one.safetensors", "a");
  PutShard("two.safetensors", "b");
  PutIndex(R"({"a":"one.safetensors","b":"two.safetensors"})");
  const auto source = Open();
  EXPECT_THAT(source->Names(), ElementsAre("a", "b"));
  EXPECT_THAT(ToF32(source->Get("b")), ElementsAre(0.0f));
  EXPECT_TRUE(source->Contains("a"));
  ExpectError(ErrorCode::kNotFound, "lists no tensor 'c'", [&] { source->Get("c"); });
}

TEST_F(SafetensorsFolderTest, NamesWhatIsMissing) {
  ExpectError(ErrorCode::kNotFound, "holds neither model.safetensors nor", [&] { Open(); });
  PutShard("one.safetensors", "a");
  PutIndex(R"({"a":"one.safetensors","b":"two.safetensors"})");
  ExpectError(ErrorCode::kNotFound, "two.safetensors: cannot open", [&] { Open(); });
  PutIndex(R"({"a":"one.safetensors","b":"one.safetensors"})");
  ExpectError(ErrorCode::kNotFound, "one.safetensors: holds no tensor 'b'", [&] { Open(); });
}

TEST_F(SafetensorsFolderTest, ShardsOutsideTheFolderAreRefused) {
  PutShard("../outside.safetensors", "a");
  for (const std::string file :
       {"../outside.safetensors", "/etc/passwd", "..", ".", "", "sub/../../outside.safetensors"}) {
    PutIndex(R"({"a":")" + file + "\"}");
    EXPECT_THROW(Open(), Error) << file;
  }
  PutIndex("[]");
  EXPECT_THROW(Open(), Error);
  PutIndex(R"({"a":1})");
  EXPECT_THROW(Open(), Error);
  PutIndex("{");
  EXPECT_THROW(Open(), Error);
}

}  // namespace
}  // namespace dear
