#ifndef DEAR_BASE_ATOMIC_FILE_H_
#define DEAR_BASE_ATOMIC_FILE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dear {

// A file written piece by piece beside its target and renamed to it at the end, so that a crash or
// an error leaves the old file or the new one, never half of it. Every member throws Error (kIo;
// kNotFound where the folder is missing).
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();  // removes what was written, unless Commit() was called
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void Write(std::span<const std::byte> bytes);
  void Write(std::string_view text) { Write(std::as_bytes(std::span(text))); }
  uint64_t written() const { return written_; }

  // Everything is on the disk and under its name when this returns.
  void Commit();

 private:
  void Flush();
  void WriteThrough(std::span<const std::byte> bytes);

  std::string path_;
  std::string temporary_;
  int fd_ = -1;
  uint64_t written_ = 0;
  std::vector<std::byte> buffer_;  // small pieces are gathered here
};

}  // namespace dear

#endif  // DEAR_BASE_ATOMIC_FILE_H_
