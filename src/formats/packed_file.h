#ifndef DEAR_FORMATS_PACKED_FILE_H_
#define DEAR_FORMATS_PACKED_FILE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tensor/matrix.h"

namespace dear {

class ThreadPool;

// The packed matrices of a model (tensor/packed_matrix.h) in one file, so that another start maps
// them. Format 1; docs/formats.md has the bytes.
class PackedFile {
 public:
  // Throws what MappedFile::Open throws, and kInvalidFormat where header or table break a rule:
  // sizes, order, checksum. The data are not read: CheckData() does that. `beside` lives as long as
  // the mapping.
  static std::shared_ptr<const PackedFile> Open(const std::filesystem::path& path,
                                                std::shared_ptr<const void> beside = nullptr);
  // The same over bytes at hand that begin at a multiple of 64; `owner` keeps them alive.
  static std::shared_ptr<const PackedFile> Parse(std::span<const std::byte> bytes,
                                                 std::shared_ptr<const void> owner,
                                                 std::string origin);

  // Throws kInvalidFormat that names the first tensor, by name, whose bytes are not those that were
  // written. Reads them all, on the threads of `pool` where there is one.
  void CheckData(ThreadPool* pool) const;

  const std::string& key() const { return key_; }  // as it was written
  // Null where there is none. The matrix keeps the file mapped.
  std::shared_ptr<const Matrix> Find(std::string_view name) const;

 private:
  struct Entry {
    std::shared_ptr<const Matrix> matrix;
    uint64_t checksum = 0;
  };

  std::string origin_;
  std::string key_;
  std::map<std::string, Entry, std::less<>> entries_;
};

// Characters of a key.
inline constexpr size_t kPackedKeyLength = 64;

// Writes the file, atomically. `matrices`, by name, are packed. Throws kInvalidArgument for a key
// of another length or a name beyond 65535 bytes, kIo.
void WritePackedFile(const std::filesystem::path& path, std::string_view key,
                     const std::map<std::string, std::shared_ptr<const Matrix>>& matrices,
                     ThreadPool* pool = nullptr);

}  // namespace dear

#endif  // DEAR_FORMATS_PACKED_FILE_H_
