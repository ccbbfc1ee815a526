#include "formats/packed_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include "base/aligned_vector.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "base/thread_pool.h"
#include "formats/testing/packed_sums.h"
#include "tensor/packed_matrix.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

const std::string kTestKey(kPackedKeyLength, 'a');
constexpr size_t kTensorsAt = 80;
constexpr size_t kTableBytesAt = testing::kPackedTableBytesAt;
constexpr size_t kFileBytesAt = 96;
constexpr size_t kTableAt = testing::kPackedTableAt;

std::vector<float> RowsOf(const Matrix& matrix) {
  std::vector<float> values(static_cast<size_t>(matrix.rows() * matrix.cols()));
  matrix.CopyRows(0, matrix.rows(), values.data());
  return values;
}

class PackedFileTest : public ::testing::Test {
 protected:
  PackedFileTest()
      : folder_(fs::temp_directory_path() / ("dear_packed_" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
    std::vector<float> values(5 * 64);
    for (int i = 0; i < 5 * 64; ++i)
      values.at(static_cast<size_t>(i)) = static_cast<float>(i % 37) - 18;
    const auto source = MakeMatrix(MakeTensor("w", {5, 64}, values));
    matrices_["b.weight"] = PackMatrix(*source);
    matrices_["a.weight"] = PackMatrix(*ConvertMatrix(source, {.form = WeightForm::kNf4}));
    matrices_["c.weight"] = PackMatrix(*ConvertMatrix(source, {.form = WeightForm::kQ8_0}), nullptr,
                                       Activations::kInt8);
    WritePackedFile(path(), kTestKey, matrices_);
    bytes_ = ReadFile(path());
  }
  ~PackedFileTest() override { fs::remove_all(folder_); }

  fs::path path() const { return folder_ / "model.packed"; }

  // Parses a copy that ends where its memory ends.
  static std::shared_ptr<const PackedFile> Parsed(const std::string& bytes) {
    auto copy = std::make_shared<AlignedVector<std::byte>>(bytes.size());
    std::ranges::copy(std::as_bytes(std::span(bytes)), copy->begin());
    return PackedFile::Parse(*copy, copy, "test");
  }
  static std::string ErrorOf(const std::string& bytes) {
    try {
      Parsed(bytes)->CheckData(nullptr);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidFormat);
      return error.what();
    }
    return "";
  }
  // With another number at `at`, and sums as if it were meant.
  template <typename T>
  std::string With(size_t at, T value) const {
    std::string bytes = bytes_;
    std::memcpy(bytes.data() + at, &value, sizeof(value));
    return Summed(bytes);
  }
  static std::string Summed(std::string bytes) {
    testing::ForgePackedSum(std::as_writable_bytes(std::span(bytes)));
    return bytes;
  }
  // Of the first entry ("a.weight", "nf4"), the byte at which its number of that index begins:
  // rows, cols, block, offset, bytes, checksum.
  static constexpr size_t EntryAt(size_t index) { return kTableAt + 2 + 8 + 2 + 3 + 2 + 8 * index; }

  fs::path folder_;
  std::map<std::string, std::shared_ptr<const Matrix>> matrices_;
  std::string bytes_;
};

TEST_F(PackedFileTest, WhatIsWrittenComesBackWhereItLies) {
  ThreadPool pool(2);
  auto file = PackedFile::Open(path());
  file->CheckData(&pool);
  file->CheckData(nullptr);
  EXPECT_EQ(file->key(), kTestKey);
  EXPECT_EQ(file->Find("absent"), nullptr);
  std::map<std::string, std::shared_ptr<const Matrix>> found;
  for (const auto& [name, matrix] : matrices_) found[name] = file->Find(name);
  file.reset();  // a matrix keeps the mapping
  for (const auto& [name, matrix] : matrices_) {
    ASSERT_NE(found[name], nullptr);
    EXPECT_EQ(found[name]->form(), matrix->form());
    EXPECT_EQ(found[name]->Packed()->activations, matrix->Packed()->activations);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(found[name]->Packed()->data) % 64, 0U);
    EXPECT_EQ(RowsOf(*found[name]), RowsOf(*matrix));
  }
}

TEST_F(PackedFileTest, ThreadsMakeTheSameFile) {
  ThreadPool pool(3);
  WritePackedFile(folder_ / "again", kTestKey, matrices_, &pool);
  EXPECT_EQ(ReadFile(folder_ / "again"), bytes_);
}

TEST_F(PackedFileTest, EveryPrefixIsRefused) {
  for (size_t size = 0; size < bytes_.size(); ++size) {
    ASSERT_NE(ErrorOf(bytes_.substr(0, size)), "") << size;
  }
  EXPECT_EQ(ErrorOf(bytes_), "");
  EXPECT_NE(ErrorOf(bytes_ + std::string(64, '\0')), "");
}

// Zeros between the tensors are nobody's; every other byte is summed.
TEST_F(PackedFileTest, EveryBitThatIsReadCounts) {
  std::vector<bool> padding(bytes_.size(), true);
  uint64_t table = 0;
  std::memcpy(&table, bytes_.data() + kTableBytesAt, sizeof(table));
  std::fill_n(padding.begin(), kTableAt + table, false);
  const auto file = PackedFile::Open(path());
  const auto* begin = static_cast<const std::byte*>(file->Find("a.weight")->Packed()->data);
  begin -= (kTableAt + table + 63) / 64 * 64;
  for (const auto& [name, matrix] : matrices_) {
    const auto bytes = PackedBytes(*file->Find(name));
    std::fill_n(padding.begin() + (bytes.data() - begin), bytes.size(), false);
  }
  for (size_t i = 0; i < bytes_.size(); ++i) {
    if (padding[i]) continue;
    std::string changed = bytes_;
    changed[i] = static_cast<char>(changed[i] ^ 4);
    ASSERT_NE(ErrorOf(changed), "") << i;
  }
}

// Sums can be forged: what a table says is held to the file all the same.
TEST_F(PackedFileTest, AForgedTableReachesNothingBeyondTheFile) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  ASSERT_EQ(ErrorOf(Summed(bytes_)), "");
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{64}, uint64_t{1} << 31,
                               uint64_t{1} << 62, kMost / 2, kMost - 63, kMost}) {
    for (const size_t at : {kTableBytesAt, kFileBytesAt, EntryAt(0), EntryAt(1), EntryAt(2),
                            EntryAt(3), EntryAt(4)}) {
      // One row is in the same panel as five; 64 columns and a block of 64 are what there is.
      if (at == EntryAt(0) ? value == 1 : (at == EntryAt(1) || at == EntryAt(2)) && value == 64) {
        continue;
      }
      EXPECT_NE(ErrorOf(With(at, value)), "") << at << ": " << value;
    }
  }
  EXPECT_NE(ErrorOf(With(kTensorsAt, kMost)).find("ends before"), std::string::npos);  // tensors
  EXPECT_NE(ErrorOf(With(kTensorsAt, uint64_t{2})).find("table bytes"), std::string::npos);
  EXPECT_NE(ErrorOf(With(8, uint32_t{2})).find("version 2"), std::string::npos);
  EXPECT_NE(ErrorOf(With(0, 'D')).find("no file of packed weights"), std::string::npos);
  EXPECT_NE(ErrorOf(With(kTableAt + 12, '\n')).find("'form'"), std::string::npos);
  EXPECT_NE(ErrorOf(With(kTableAt + 15, '\x7f')).find("flags"), std::string::npos);
  EXPECT_NE(ErrorOf(With(EntryAt(4), uint64_t{1})).find("a.weight"), std::string::npos);
  EXPECT_NE(ErrorOf(With(EntryAt(6), std::numeric_limits<float>::quiet_NaN())), "");  // a level
}

TEST_F(PackedFileTest, WhatCannotBeWrittenIsSaid) {
  EXPECT_THROW(WritePackedFile(folder_ / "absent" / "x", kTestKey, matrices_), Error);
  EXPECT_THROW(WritePackedFile(path(), "short", matrices_), Error);
  EXPECT_THROW(
      WritePackedFile(path(), kTestKey, {{std::string(70000, 'n'), matrices_.at("a.weight")}}),
      Error);
  EXPECT_EQ(ReadFile(path()), bytes_);
}

}  // namespace
}  // namespace dear
