#include "formats/checkpoint.h"

#include <unistd.h>

#include <filesystem>

#include "base/mapped_file.h"
#include "base/testing/goldens.h"
#include "formats/testing/expect_error.h"

namespace dear {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::ExpectError;

using testing::kCheckpoints;

// A folder of its own, gone at the end.
class CheckpointFolder : public ::testing::Test {
 protected:
  CheckpointFolder()
      : folder_(fs::temp_directory_path() /
                ("dear_checkpoint_" + std::to_string(::getpid()) + "_" +
                 ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::create_directories(folder_);
  }
  ~CheckpointFolder() override { fs::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) const {
    WriteFileAtomically(folder_ / name, std::as_bytes(std::span(text)));
  }
  void Copy(const std::string& name, const std::string& as) const {
    fs::copy_file(kCheckpoints / name, folder_ / as, fs::copy_options::overwrite_existing);
  }

  fs::path folder_;
};

std::vector<float> Values(const Checkpoint& checkpoint, std::string_view name) {
  return ToF32(checkpoint.tensors->Get(name));
}

TEST(Checkpoint, ReadsTheSameFromEveryLayout) {
  const Checkpoint single = OpenCheckpoint(kCheckpoints / "single");
  EXPECT_EQ(single.tensors->Names().size(), 12u);
  EXPECT_EQ(single.config.vocab_size, 12);
  EXPECT_THAT(single.generation.eos_ids, ElementsAre(3, 4));
  EXPECT_THAT(single.config.eos_ids, ElementsAre(3, 4));  // generation_config.json goes first
  EXPECT_EQ(single.gguf, nullptr);
  for (const char* layout : {"sharded", "pickled", "bare"}) {
    SCOPED_TRACE(layout);
    const Checkpoint other = OpenCheckpoint(kCheckpoints / layout);
    for (const std::string& name : other.tensors->Names()) {
      EXPECT_EQ(Values(other, name), Values(single, name)) << name;
    }
    EXPECT_EQ(other.tensors->Names().size(), layout == std::string("bare") ? 11u : 12u);
  }
}

TEST(Checkpoint, KnowsAClassifier) {
  const Checkpoint checkpoint = OpenCheckpoint(kCheckpoints / "classifier");
  EXPECT_EQ(checkpoint.config.head, HeadKind::kSequenceClassification);
  EXPECT_EQ(checkpoint.config.num_labels, 1);
  EXPECT_EQ(checkpoint.tensors->Get("score.weight").ShapeString(), "[1, 8]");
}

TEST_F(CheckpointFolder, FindsTheHeadByItsTensor) {
  Json config = ReadJsonFile(kCheckpoints / "classifier/config.json");
  config.erase("architectures");
  Write("config.json", config.dump());
  Copy("classifier/model.safetensors", "model.safetensors");
  EXPECT_EQ(OpenCheckpoint(folder_).config.head, HeadKind::kSequenceClassification);
}

TEST_F(CheckpointFolder, SaysWhatIsMissing) {
  ExpectError(ErrorCode::kNotFound, "no such file or folder",
              [&] { OpenCheckpoint(folder_ / "absent"); });
  ExpectError(ErrorCode::kNotFound, "config.json", [&] { OpenCheckpoint(folder_); });
  Copy("single/config.json", "config.json");
  ExpectError(ErrorCode::kNotFound, "model.safetensors", [&] { OpenCheckpoint(folder_); });
  Write("tf_model.h5", "x");
  ExpectError(ErrorCode::kNotFound, "tf_model.h5", [&] { OpenCheckpoint(folder_); });
  ExpectError(ErrorCode::kUnsupported, "neither", [&] { OpenCheckpoint(folder_ / "tf_model.h5"); });
  Write("config.json", "{\"model_type\": ");
  ExpectError(ErrorCode::kInvalidFormat, "config.json", [&] { OpenCheckpoint(folder_); });
}

TEST_F(CheckpointFolder, ChecksTheIndex) {
  Copy("sharded/config.json", "config.json");
  Copy("sharded/model-00001-of-00002.safetensors", "a.safetensors");
  const auto open = [&](const std::string& map) {
    Write("model.safetensors.index.json", "{\"weight_map\": " + map + "}");
    return [&] { OpenCheckpoint(folder_); };
  };
  ExpectError(ErrorCode::kNotFound, "'absent'", open(R"({"absent": "a.safetensors"})"));
  ExpectError(ErrorCode::kNotFound, "b.safetensors", open(R"({"x": "b.safetensors"})"));
  ExpectError(ErrorCode::kInvalidFormat, "same folder", open(R"({"x": "../a.safetensors"})"));
  ExpectError(ErrorCode::kInvalidFormat, "same folder", open(R"({"x": "/etc/passwd"})"));
  ExpectError(ErrorCode::kInvalidFormat, "same folder", open(R"({"x": ".."})"));
  ExpectError(ErrorCode::kInvalidFormat, "same folder", open(R"({"x": ""})"));
  ExpectError(ErrorCode::kInvalidFormat, "weight_map", open(R"({"x": 1})"));
  ExpectError(ErrorCode::kInvalidFormat, "weight_map", open("[]"));
}

}  // namespace
}  // namespace dear
