#ifndef DEAR_BASE_MAPPED_FILE_H_
#define DEAR_BASE_MAPPED_FILE_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace dear {

// A file mapped read-only. Shared: every tensor that points into it holds it alive.
class MappedFile {
 public:
  // Throws Error (kNotFound, kIo). An empty file gives an empty span.
  static std::shared_ptr<const MappedFile> Open(const std::filesystem::path& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

 private:
  MappedFile(std::string path, const std::byte* data, size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}

  std::string path_;
  const std::byte* data_;
  size_t size_;
};

// Reads a whole file of at most `limit` bytes. Throws Error (kNotFound, kIo; kInvalidFormat when
// the file is larger: nothing that this program reads as text is without a bound).
std::string ReadFile(const std::filesystem::path& path, size_t limit = size_t{1} << 30);

// Writes beside the target and renames, so that a crash leaves the old file or the new one.
void WriteFileAtomically(const std::filesystem::path& path, std::span<const std::byte> bytes);

}  // namespace dear

#endif  // DEAR_BASE_MAPPED_FILE_H_
