#include "base/mapped_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"

namespace dear {
namespace {

std::filesystem::path TempPath(const std::string& name) {
  return std::filesystem::path(::testing::TempDir()) / name;
}

TEST(MappedFileTest, ShowsTheBytesOfTheFile) {
  const auto path = TempPath("mapped.bin");
  std::ofstream(path, std::ios::binary) << std::string("ab\0c", 4);
  const auto file = MappedFile::Open(path);
  ASSERT_EQ(file->bytes().size(), 4u);
  EXPECT_EQ(file->bytes()[3], std::byte{'c'});
  EXPECT_EQ(ReadFile(path), std::string("ab\0c", 4));
}

TEST(MappedFileTest, EmptyFileIsAnEmptySpan) {
  const auto path = TempPath("empty.bin");
  std::ofstream(path).close();
  EXPECT_TRUE(MappedFile::Open(path)->bytes().empty());
}

TEST(MappedFileTest, MissingFileAndFolderAreNamed) {
  try {
    MappedFile::Open("/nonexistent/x.bin");
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kNotFound);
    EXPECT_EQ(e.context(), "/nonexistent/x.bin");
  }
  EXPECT_THROW(MappedFile::Open("/tmp"), Error);
}

TEST(MappedFileTest, ReadFileRefusesMoreThanItsLimit) {
  const auto path = TempPath("large.txt");
  std::ofstream(path) << "12345";
  EXPECT_EQ(ReadFile(path, 5), "12345");
  EXPECT_THROW(ReadFile(path, 4), Error);
}

TEST(MappedFileTest, WriteReplacesTheWholeFile) {
  const auto path = TempPath("written.txt");
  std::ofstream(path) << "something much longer";
  const std::string text = "new";
  WriteFileAtomically(path, std::as_bytes(std::span(text)));
  EXPECT_EQ(ReadFile(path), "new");
}

}  // namespace
}  // namespace dear
