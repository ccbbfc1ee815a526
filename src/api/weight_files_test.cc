#include "api/weight_files.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "api/testing/temporary_files.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

std::string HashOf(const fs::path& base) {
  return HashWeightFiles(WeightFiles(base));
}

TEST(WeightFilesTest, ThoseThatWeightsDependOn) {
  const TemporaryFiles files;
  for (const char* name :
       {"config.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json",
        "pytorch_model.bin", "tokenizer.json", "README.md", "sub/model.safetensors"}) {
    files.Plain(name, name);
  }
  EXPECT_EQ(WeightFiles(files.folder()).size(), 4U);
  EXPECT_EQ(WeightFiles(files.folder() / "README.md").size(), 1U);
  EXPECT_THROW(WeightFiles(files.folder() / "absent.gguf"), Error);
}

TEST(WeightFilesTest, AnyWayToRewriteAFileShows) {
  const TemporaryFiles files;
  const fs::path path = files.Plain("a.gguf", std::string(1 << 20, 'a'));
  const auto before = WeightFiles(path);
  const std::string hash = HashWeightFiles(before);
  EXPECT_EQ(WeightFiles(path), before);
  EXPECT_EQ(HashOf(path), hash);

  // In place, with the same size, and its time of modification put back.
  const auto time = fs::last_write_time(path);
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(70001) << 'b';
  fs::last_write_time(path, time);
  EXPECT_EQ(WeightFiles(path)[0].modified, before[0].modified);
  EXPECT_NE(WeightFiles(path), before);
  EXPECT_NE(HashOf(path), hash);

  // Another file under its name, and its own under another.
  const fs::path other = files.Plain("b.gguf", std::string(1 << 20, 'a'));
  EXPECT_NE(HashOf(other), hash);
  fs::rename(other, path);
  EXPECT_NE(HashOf(path), hash);
}

// Where the times cannot be trusted, a sample of the content is left.
TEST(WeightFilesTest, SamplesLieOverTheWholeFile) {
  const TemporaryFiles files;
  constexpr size_t kSize = (1 << 20) + 17;
  const fs::path path = files.Plain("a.gguf", std::string(kSize, 'a'));
  const auto state = WeightFiles(path);
  const std::string hash = HashWeightFiles(state);
  for (const size_t at : {size_t{0}, size_t{65535}, kSize - 1}) {
    std::string text(kSize, 'a');
    text[at] = 'b';
    files.Plain("a.gguf", text);
    EXPECT_NE(HashWeightFiles(state), hash) << at;
  }
  files.Plain("a.gguf", std::string(kSize, 'a'));
  EXPECT_EQ(HashWeightFiles(state), hash);
  // Many changes in a row are met by some sample.
  std::string text(kSize, 'a');
  std::fill_n(text.begin() + 300'000, 20'000, 'b');
  files.Plain("a.gguf", text);
  EXPECT_NE(HashWeightFiles(state), hash);
}

TEST(WeightFilesTest, SmallFilesAndLinks) {
  const TemporaryFiles files;
  const fs::path path = files.Plain("real/a.safetensors", "x");
  fs::create_directories(files.folder() / "links");
  fs::create_symlink(path, files.folder() / "links" / "model.safetensors");
  EXPECT_EQ(WeightFiles(files.folder() / "links"), WeightFiles(path));
  files.Plain("empty/model.safetensors", "");
  EXPECT_EQ(HashOf(files.folder() / "empty").size(), 64U);
}

}  // namespace
}  // namespace dear
