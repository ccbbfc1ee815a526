// Source of the layout: PKWARE's APPNOTE.TXT, sections 4.3 and 4.5.3.
#include "formats/zip_archive.h"

#include <cstdint>
#include <cstring>
#include <optional>

#include "base/error.h"

namespace dear {
namespace {

constexpr uint32_t kLocalMagic = 0x04034b50;
constexpr uint32_t kCentralMagic = 0x02014b50;
constexpr uint32_t kEndMagic = 0x06054b50;
constexpr uint32_t kEnd64Magic = 0x06064b50;
constexpr uint32_t kEnd64LocatorMagic = 0x07064b50;
constexpr size_t kLocalSize = 30;
constexpr size_t kCentralSize = 46;
constexpr size_t kEndSize = 22;
constexpr size_t kEnd64Size = 56;
constexpr size_t kEnd64LocatorSize = 20;
constexpr uint16_t kZip64Extra = 1;
constexpr uint16_t kEncrypted = 1;

class ZipReader {
 public:
  ZipReader(std::span<const std::byte> bytes, const std::string& origin)
      : bytes_(bytes), origin_(origin) {}

  std::map<std::string, std::span<const std::byte>, std::less<>> Read() {
    FindDirectory();
    std::map<std::string, std::span<const std::byte>, std::less<>> entries;
    uint64_t at = directory_offset_;
    for (uint64_t i = 0; i < num_entries_; ++i) {
      Entry entry = ReadCentral(&at);
      if (entry.name.ends_with('/')) continue;  // a folder
      const auto data = FindData(entry);
      if (!entries.emplace(entry.name, data).second)
        Fail("entry '" + entry.name + "' stands twice");
    }
    return entries;
  }

 private:
  struct Entry {
    std::string name;
    uint64_t offset = 0;
    uint64_t size = 0;
  };

  [[noreturn]] void Fail(const std::string& what) const {
    throw Error(ErrorCode::kInvalidFormat, origin_, "broken zip archive: " + what);
  }

  // Little-endian numbers; every caller has checked that they lie in the file.
  template <typename T>
  T At(uint64_t at) const {
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof(T));
    return value;
  }
  bool Fits(uint64_t at, uint64_t size) const {
    return at <= bytes_.size() && size <= bytes_.size() - at;
  }

  void FindDirectory() {
    const uint64_t end = FindEnd();
    num_entries_ = At<uint16_t>(end + 10);
    directory_offset_ = At<uint32_t>(end + 16);
    if (end >= kEnd64LocatorSize && At<uint32_t>(end - kEnd64LocatorSize) == kEnd64LocatorMagic) {
      const auto end64 = At<uint64_t>(end - kEnd64LocatorSize + 8);
      if (!Fits(end64, kEnd64Size) || At<uint32_t>(end64) != kEnd64Magic) {
        Fail("its zip64 end record is missing");
      }
      num_entries_ = At<uint64_t>(end64 + 32);
      directory_offset_ = At<uint64_t>(end64 + 48);
    }
    if (directory_offset_ > bytes_.size() ||
        num_entries_ > (bytes_.size() - directory_offset_) / kCentralSize) {
      Fail("its directory does not fit in the file");
    }
  }

  // The end record stands at the end, behind it only a comment of up to 64 KiB.
  uint64_t FindEnd() const {
    if (bytes_.size() < kEndSize) Fail("too short");
    const uint64_t last = bytes_.size() - kEndSize;
    const uint64_t first = last > UINT16_MAX ? last - UINT16_MAX : 0;
    for (uint64_t at = last + 1; at-- > first;) {
      if (At<uint32_t>(at) == kEndMagic) return at;
    }
    Fail("its end record is missing (truncated?)");
  }

  Entry ReadCentral(uint64_t* at) const {
    if (!Fits(*at, kCentralSize) || At<uint32_t>(*at) != kCentralMagic) {
      Fail("its directory is damaged");
    }
    const auto flags = At<uint16_t>(*at + 8);
    const auto method = At<uint16_t>(*at + 10);
    uint64_t packed = At<uint32_t>(*at + 20);
    Entry entry;
    entry.size = At<uint32_t>(*at + 24);
    const auto name_size = At<uint16_t>(*at + 28);
    const auto extra_size = At<uint16_t>(*at + 30);
    const auto comment_size = At<uint16_t>(*at + 32);
    entry.offset = At<uint32_t>(*at + 42);
    const uint64_t rest = uint64_t{name_size} + extra_size + comment_size;
    if (!Fits(*at + kCentralSize, rest)) Fail("its directory is cut off");
    entry.name.assign(reinterpret_cast<const char*>(bytes_.data()) + *at + kCentralSize, name_size);
    ReadZip64(*at + kCentralSize + name_size, extra_size, &entry.size, &packed, &entry.offset);
    *at += kCentralSize + rest;

    if ((flags & kEncrypted) != 0 || method != 0 || packed != entry.size) {
      throw Error(ErrorCode::kUnsupported, origin_,
                  "zip entry '" + entry.name + "' is compressed or encrypted; torch.save stores");
    }
    return entry;
  }

  // The fields that did not fit in 32 bits stand in this order, only those that did not fit.
  void ReadZip64(uint64_t at, uint64_t size, uint64_t* unpacked, uint64_t* packed,
                 uint64_t* offset) const {
    const uint64_t end = at + size;
    while (end - at >= 4) {
      const auto id = At<uint16_t>(at);
      const auto length = At<uint16_t>(at + 2);
      at += 4;
      if (length > end - at) return;
      if (id == kZip64Extra) {
        uint64_t field = at;
        for (uint64_t* value : {unpacked, packed, offset}) {
          if (*value != UINT32_MAX) continue;
          if (at + length - field < 8) Fail("a zip64 field is cut off");
          *value = At<uint64_t>(field);
          field += 8;
        }
        return;
      }
      at += length;
    }
  }

  std::span<const std::byte> FindData(const Entry& entry) const {
    if (!Fits(entry.offset, kLocalSize) || At<uint32_t>(entry.offset) != kLocalMagic) {
      Fail("entry '" + entry.name + "' has no header");
    }
    const uint64_t skip =
        kLocalSize + At<uint16_t>(entry.offset + 26) + At<uint16_t>(entry.offset + 28);
    if (!Fits(entry.offset, skip) || !Fits(entry.offset + skip, entry.size)) {
      Fail("entry '" + entry.name + "' reaches beyond the file");
    }
    return bytes_.subspan(entry.offset + skip, entry.size);
  }

  std::span<const std::byte> bytes_;
  const std::string& origin_;
  uint64_t num_entries_ = 0;
  uint64_t directory_offset_ = 0;
};

}  // namespace

std::map<std::string, std::span<const std::byte>, std::less<>> ReadStoredZip(
    std::span<const std::byte> bytes, const std::string& origin) {
  return ZipReader(bytes, origin).Read();
}

}  // namespace dear
