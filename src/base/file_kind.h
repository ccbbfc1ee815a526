#ifndef DEAR_BASE_FILE_KIND_H_
#define DEAR_BASE_FILE_KIND_H_

#include <filesystem>
#include <system_error>

namespace dear {

// What stands at a path; false where nothing does, and where it cannot be looked at.
inline bool IsFile(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}
inline bool IsFolder(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

}  // namespace dear

#endif  // DEAR_BASE_FILE_KIND_H_
