#ifndef DEAR_API_WEIGHT_FILES_H_
#define DEAR_API_WEIGHT_FILES_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace dear {

// What the file system says of one file. Rewriting a file, by whatever means, changes some of it:
// `changed` (ctime) is set by the system alone.
struct FileState {
  std::string path;  // without links
  uint64_t bytes = 0;
  uint64_t inode = 0;
  int64_t modified = 0;  // nanoseconds since 1970
  int64_t changed = 0;

  bool operator==(const FileState&) const = default;
};

// Of every file that the weights of a base model can depend on: a .gguf file, or config.json,
// weights and indices of a folder; by path. Throws kIo for one that cannot be looked at.
std::vector<FileState> WeightFiles(const std::filesystem::path& base);

// A SHA-256 over the states, the first 64 KiB of each file, and 4 KiB at each of 64 places that lie
// evenly over it. 64 hex digits. Throws kIo.
std::string HashWeightFiles(const std::vector<FileState>& files);

}  // namespace dear

#endif  // DEAR_API_WEIGHT_FILES_H_
