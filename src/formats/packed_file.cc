#include "formats/packed_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/ceil_div.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "base/thread_pool.h"
#include "base/xxh64.h"
#include "tensor/packed_matrix.h"

namespace dear {
namespace {

constexpr std::string_view kPackedMagic = "dearpack";
constexpr uint32_t kPackedVersion = 1;
constexpr uint64_t kPackedAlignment = 64;
constexpr size_t kPackedHeaderBytes = 128;
constexpr size_t kHeaderSumAt = 120;  // the checksum that ends the header
constexpr size_t kMaxName = 0xffff;
// Bytes that a thread sums at a time.
constexpr int64_t kPiece = int64_t{1} << 20;

// What the bits of an entry's flags say.
constexpr uint8_t kHasCodes = 1;
constexpr uint8_t kHasMinimum = 2;
constexpr uint8_t kHalfScales = 4;
constexpr uint8_t kInt8Activations = 8;
constexpr uint8_t kAllFlags = 15;

uint64_t RoundedUp(uint64_t bytes) {
  return (bytes + kPackedAlignment - 1) / kPackedAlignment * kPackedAlignment;
}

// The sum of the sums of the pieces, which threads share out.
uint64_t DataChecksum(std::span<const std::byte> bytes, ThreadPool* pool) {
  const auto size = static_cast<int64_t>(bytes.size());
  std::vector<uint64_t> sums(static_cast<size_t>(CeilDiv(size, kPiece)));
  const auto sum = [&](int64_t piece, int) {
    const int64_t first = piece * kPiece;
    sums[static_cast<size_t>(piece)] = Xxh64(bytes.subspan(
        static_cast<size_t>(first), static_cast<size_t>(std::min(kPiece, size - first))));
  };
  if (pool != nullptr) {
    pool->Run(static_cast<int64_t>(sums.size()), sum);
  } else {
    for (int64_t piece = 0; piece < static_cast<int64_t>(sums.size()); ++piece) sum(piece, 0);
  }
  return Xxh64(std::as_bytes(std::span(sums)));
}

// Header and table are read in order, never beyond their end.
class TableReader {
 public:
  TableReader(std::span<const std::byte> bytes, const std::string& origin)
      : bytes_(bytes), origin_(origin) {}

  template <typename T>
  T Number(const char* what) {
    T value;
    std::memcpy(&value, Take(sizeof(T), what), sizeof(T));
    return value;
  }
  std::string Text(size_t size, const char* what) {
    return {reinterpret_cast<const char*>(Take(size, what)), size};
  }
  bool AtEnd() const { return bytes_.empty(); }
  [[noreturn]] void Fail(const std::string& what) const {
    throw Error(ErrorCode::kInvalidFormat, origin_, what);
  }

 private:
  const std::byte* Take(size_t size, const char* what) {
    if (size > bytes_.size()) Fail(std::string("ends before its field '") + what + "'");
    const std::byte* at = bytes_.data();
    bytes_ = bytes_.subspan(size);
    return at;
  }

  std::span<const std::byte> bytes_;
  const std::string& origin_;
};

struct PackedHeader {
  std::string key;
  uint64_t count = 0;
  uint64_t table_bytes = 0;
};

PackedHeader ReadPackedHeader(std::span<const std::byte> bytes, const std::string& origin) {
  TableReader reader(bytes, origin);
  if (reader.Text(kPackedMagic.size(), "magic") != kPackedMagic) {
    reader.Fail("is no file of packed weights");
  }
  if (const auto version = reader.Number<uint32_t>("version"); version != kPackedVersion) {
    reader.Fail("has version " + std::to_string(version) + ", expected " +
                std::to_string(kPackedVersion));
  }
  if (reader.Number<uint32_t>("reserved") != 0) reader.Fail("field 'reserved' is not 0");
  PackedHeader header;
  header.key = reader.Text(kPackedKeyLength, "key");
  header.count = reader.Number<uint64_t>("tensors");
  header.table_bytes = reader.Number<uint64_t>("table bytes");
  const auto file_bytes = reader.Number<uint64_t>("file bytes");
  if (file_bytes != bytes.size()) {
    reader.Fail("is " + std::to_string(bytes.size()) + " bytes long, its field 'file bytes' says " +
                std::to_string(file_bytes));
  }
  for (int i = 0; i < 2; ++i) {
    if (reader.Number<uint64_t>("reserved") != 0) reader.Fail("field 'reserved' is not 0");
  }
  const auto checksum = reader.Number<uint64_t>("checksum");
  if (header.table_bytes > bytes.size() - kPackedHeaderBytes) {
    reader.Fail("field 'table bytes' is " + std::to_string(header.table_bytes) +
                ", more than the file holds");
  }
  // Of all before the checksum, and of the table behind it.
  const std::array<uint64_t, 2> sums = {
      Xxh64(bytes.first(kHeaderSumAt)),
      Xxh64(bytes.subspan(kPackedHeaderBytes, header.table_bytes))};
  if (Xxh64(std::as_bytes(std::span(sums))) != checksum) {
    reader.Fail("header and table do not have their checksum");
  }
  return header;
}

// What the table says of one matrix.
struct PackedEntry {
  std::string name;
  PackedForm form;
  int64_t rows = 0;
  int64_t cols = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t checksum = 0;
};

// "q4_1", "bf16": shown to people, so that it may not be just anything.
bool IsFormName(std::string_view name) {
  constexpr size_t kLongest = 32;
  return !name.empty() && name.size() <= kLongest &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

PackedEntry ReadPackedEntry(TableReader& reader) {
  PackedEntry entry;
  entry.name = reader.Text(reader.Number<uint16_t>("name"), "name");
  entry.form.source = reader.Text(reader.Number<uint16_t>("form"), "form");
  const auto flags = reader.Number<uint8_t>("flags");
  const auto bits = reader.Number<uint8_t>("bits");
  entry.rows = reader.Number<int64_t>("rows");
  entry.cols = reader.Number<int64_t>("cols");
  const auto block = reader.Number<int64_t>("block");
  entry.offset = reader.Number<uint64_t>("offset");
  entry.bytes = reader.Number<uint64_t>("bytes");
  entry.checksum = reader.Number<uint64_t>("checksum");
  if (!IsFormName(entry.form.source)) {
    reader.Fail("tensor '" + entry.name + "': field 'form' names no form of weights");
  }
  if ((flags & ~kAllFlags) != 0) reader.Fail("tensor '" + entry.name + "': unknown flags");
  if ((flags & kInt8Activations) != 0) entry.form.activations = Activations::kInt8;
  if ((flags & kHasCodes) == 0) return entry;
  CodedForm codes{.bits = bits,
                  .block = block,
                  .has_minimum = (flags & kHasMinimum) != 0,
                  .half_scales = (flags & kHalfScales) != 0};
  for (float& level : codes.levels) level = reader.Number<float>("levels");
  entry.form.codes = codes;
  return entry;
}

class TableWriter {
 public:
  template <typename T>
  void Number(T value) {
    const auto raw = std::bit_cast<std::array<char, sizeof(T)>>(value);
    bytes_.append(raw.data(), raw.size());
  }
  void Text(std::string_view text) {
    if (text.size() > kMaxName) {
      throw Error(ErrorCode::kInvalidArgument, "packed weights",
                  "a name of " + std::to_string(text.size()) + " bytes is too long");
    }
    Number(static_cast<uint16_t>(text.size()));
    bytes_.append(text);
  }
  void Entry(const PackedEntry& entry);
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

void TableWriter::Entry(const PackedEntry& entry) {
  const CodedForm codes = entry.form.codes.value_or(CodedForm{.bits = 16, .block = 0});
  Text(entry.name);
  Text(entry.form.source);
  const bool is_int8 = entry.form.activations == Activations::kInt8;
  Number(static_cast<uint8_t>(
      (entry.form.codes ? kHasCodes : 0) | (codes.has_minimum ? kHasMinimum : 0) |
      (codes.half_scales ? kHalfScales : 0) | (is_int8 ? kInt8Activations : 0)));
  Number(static_cast<uint8_t>(codes.bits));
  Number(entry.rows);
  Number(entry.cols);
  Number(codes.block);
  Number(entry.offset);
  Number(entry.bytes);
  Number(entry.checksum);
  if (!entry.form.codes) return;
  for (const float level : codes.levels) Number(level);
}

std::string PackedHeaderOf(std::string_view key, uint64_t count, std::string_view table,
                           uint64_t file_bytes) {
  TableWriter writer;
  writer.Number(kPackedVersion);
  writer.Number(uint32_t{0});
  std::string header = std::string(kPackedMagic) + writer.bytes() + std::string(key);
  TableWriter numbers;
  for (const uint64_t number :
       {count, static_cast<uint64_t>(table.size()), file_bytes, uint64_t{0}, uint64_t{0}}) {
    numbers.Number(number);
  }
  header += numbers.bytes();
  const std::array<uint64_t, 2> sums = {Xxh64(std::as_bytes(std::span(header))),
                                        Xxh64(std::as_bytes(std::span(table)))};
  TableWriter checksum;
  checksum.Number(Xxh64(std::as_bytes(std::span(sums))));
  return header + checksum.bytes();
}

}  // namespace

std::shared_ptr<const PackedFile> PackedFile::Open(const std::filesystem::path& path,
                                                   std::shared_ptr<const void> beside) {
  const auto file = MappedFile::Open(path);
  auto owner =
      std::make_shared<std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>>(
          file, std::move(beside));
  return Parse(file->bytes(), std::move(owner), path.string());
}

std::shared_ptr<const PackedFile> PackedFile::Parse(std::span<const std::byte> bytes,
                                                    std::shared_ptr<const void> owner,
                                                    std::string origin) {
  auto file = std::make_shared<PackedFile>();
  file->origin_ = std::move(origin);
  const PackedHeader header = ReadPackedHeader(bytes, file->origin_);
  file->key_ = header.key;
  TableReader reader(bytes.subspan(kPackedHeaderBytes, header.table_bytes), file->origin_);
  uint64_t end = kPackedHeaderBytes + header.table_bytes;
  for (uint64_t i = 0; i < header.count; ++i) {
    const PackedEntry entry = ReadPackedEntry(reader);
    const std::string where = file->origin_ + ": tensor '" + entry.name + "'";
    const auto fail = [&where](const std::string& what) {
      throw Error(ErrorCode::kInvalidFormat, where, what);
    };
    // One after the other without holes, as they are written; nothing here can overflow, since
    // `end` is within the file.
    if (entry.offset != RoundedUp(end)) {
      fail("field 'offset' is " + std::to_string(entry.offset) + ", expected " +
           std::to_string(RoundedUp(end)));
    }
    const auto past = CheckedAdd(entry.offset, entry.bytes);
    if (!past || *past > bytes.size()) fail("field 'bytes' reaches beyond the file");
    end = *past;
    std::shared_ptr<const Matrix> matrix;
    try {
      matrix = ViewPackedMatrix(entry.rows, entry.cols, entry.form,
                                bytes.subspan(entry.offset, entry.bytes), owner);
    } catch (const Error& error) {
      throw error.Within(where);
    }
    if (!file->entries_.emplace(entry.name, Entry{std::move(matrix), entry.checksum}).second) {
      fail("is there twice");
    }
  }
  if (!reader.AtEnd()) reader.Fail("field 'table bytes' is more than its tensors take");
  if (end != bytes.size()) reader.Fail("is longer than its tensors");
  return file;
}

void PackedFile::CheckData(ThreadPool* pool) const {
  for (const auto& [name, entry] : entries_) {
    if (DataChecksum(PackedBytes(*entry.matrix), pool) != entry.checksum) {
      throw Error(ErrorCode::kInvalidFormat, origin_ + ": tensor '" + name + "'",
                  "its bytes do not have their checksum");
    }
  }
}

std::shared_ptr<const Matrix> PackedFile::Find(std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : found->second.matrix;
}

void WritePackedFile(const std::filesystem::path& path, std::string_view key,
                     const std::map<std::string, std::shared_ptr<const Matrix>>& matrices,
                     ThreadPool* pool) {
  if (key.size() != kPackedKeyLength) {
    throw Error(ErrorCode::kInvalidArgument, path.string(), "a key must have 64 characters");
  }
  std::vector<PackedEntry> entries;
  for (const auto& [name, matrix] : matrices) {
    const auto bytes = PackedBytes(*matrix);
    entries.push_back({.name = name,
                       .form = PackedFormOf(*matrix),
                       .rows = matrix->rows(),
                       .cols = matrix->cols(),
                       .bytes = bytes.size(),
                       .checksum = DataChecksum(bytes, pool)});
  }
  // The table's size does not depend on the offsets in it.
  const auto write_table = [&entries] {
    TableWriter table;
    for (const PackedEntry& entry : entries) table.Entry(entry);
    return table.bytes();
  };
  uint64_t end = kPackedHeaderBytes + write_table().size();
  for (PackedEntry& entry : entries) {
    entry.offset = RoundedUp(end);
    end = entry.offset + entry.bytes;
  }
  const std::string table = write_table();
  AtomicFile file(path);
  file.Write(PackedHeaderOf(key, entries.size(), table, end));
  file.Write(table);
  constexpr std::array<std::byte, kPackedAlignment> kZeros{};
  for (const PackedEntry& entry : entries) {
    file.Write(std::span(kZeros).first(entry.offset - file.written()));
    file.Write(PackedBytes(*matrices.at(entry.name)));
  }
  file.Commit();
}

}  // namespace dear
