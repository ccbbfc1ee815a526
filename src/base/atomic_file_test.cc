#include "base/atomic_file.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/mapped_file.h"

namespace dear {
namespace {

class AtomicFileTest : public ::testing::Test {
 protected:
  AtomicFileTest() : folder_(std::filesystem::path(::testing::TempDir()) / "atomic_file_test") {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~AtomicFileTest() override { std::filesystem::remove_all(folder_); }

  size_t NumFiles() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++count;
    return count;
  }

  std::filesystem::path folder_;
};

TEST_F(AtomicFileTest, HoldsAllPiecesAfterCommit) {
  AtomicFile file(folder_ / "a");
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string piece(static_cast<size_t>(i) * i * 7, static_cast<char>('a' + i % 26));
    file.Write(piece);
    expected += piece;
  }
  const std::string large(1 << 20, 'x');
  file.Write(large);
  file.Write("end");
  expected += large + "end";
  EXPECT_EQ(file.written(), expected.size());
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a"));
  file.Commit();
  EXPECT_EQ(ReadFile(folder_ / "a"), expected);
  EXPECT_EQ(NumFiles(), 1u);
}

TEST_F(AtomicFileTest, WithoutCommitTheOldFileStays) {
  WriteFileAtomically(folder_ / "a", std::as_bytes(std::span(std::string_view("old"))));
  {
    AtomicFile file(folder_ / "a");
    file.Write("new");
  }
  EXPECT_EQ(ReadFile(folder_ / "a"), "old");
  EXPECT_EQ(NumFiles(), 1u);
}

TEST_F(AtomicFileTest, NamesTheTargetThatCannotBeWritten) {
  EXPECT_THROW(AtomicFile(folder_ / "missing" / "a"), Error);
  std::filesystem::create_directories(folder_ / "taken" / "by a folder");
  AtomicFile file(folder_ / "taken");
  EXPECT_THROW(file.Commit(), Error);
}

}  // namespace
}  // namespace dear
