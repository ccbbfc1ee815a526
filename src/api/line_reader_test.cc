#include "api/line_reader.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "base/error.h"

namespace dear {
namespace {

std::vector<std::string> All(LineReader& reader) {
  std::vector<std::string> lines;
  std::string line;
  while (reader.Next(&line)) lines.push_back(line);
  return lines;
}

class LineReaderTest : public ::testing::Test {
 protected:
  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() /
      ("line_reader_" +
       std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
  void TearDown() override { std::filesystem::remove(path_); }

  void WriteGzip(const std::string& text) {
    gzFile file = gzopen(path_.c_str(), "ab");
    ASSERT_NE(file, nullptr);
    gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    gzclose(file);
  }
};

TEST_F(LineReaderTest, TextInMemory) {
  LineReader reader("a\n\nb", "text");
  EXPECT_EQ(All(reader), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(reader.number(), 3U);
  LineReader empty("", "text");
  EXPECT_TRUE(All(empty).empty());
}

TEST_F(LineReaderTest, LinesAcrossBuffersPlainAndPacked) {
  std::vector<std::string> lines;
  std::string text;
  for (size_t i = 0; i < 300; ++i) {
    lines.emplace_back(i * 37, static_cast<char>('a' + i % 26));
    text += lines.back() + "\n";
  }
  std::ofstream(path_, std::ios::binary) << text;
  LineReader plain(path_);
  EXPECT_EQ(All(plain), lines);
  EXPECT_FALSE(plain.is_packed());
  LineReader placed(path_);
  std::string line;
  while (placed.Next(&line)) EXPECT_EQ(text.substr(placed.offset(), line.size()), line);
  std::filesystem::remove(path_);
  WriteGzip(text.substr(0, text.size() / 2));  // two members are one text
  WriteGzip(text.substr(text.size() / 2));
  LineReader packed(path_);
  EXPECT_EQ(All(packed), lines);
  EXPECT_TRUE(packed.is_packed());
}

TEST_F(LineReaderTest, DamageIsNamed) {
  EXPECT_THROW(LineReader("/absent/file"), Error);
  const std::filesystem::path folder = std::filesystem::temp_directory_path();
  EXPECT_THROW(LineReader{folder}, Error);
  std::string text;
  for (int i = 0; i < 20000; ++i) text += std::to_string(i * 7919) + "\n";
  WriteGzip(text);
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) / 2);
  LineReader cut_off(path_);
  try {
    All(cut_off);
    FAIL() << "a cut archive was read";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(path_.string()), std::string::npos);
    EXPECT_EQ(error.code(), ErrorCode::kInvalidFormat);
  }
}

}  // namespace
}  // namespace dear
