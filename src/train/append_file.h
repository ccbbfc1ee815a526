#ifndef DEAR_TRAIN_APPEND_FILE_H_
#define DEAR_TRAIN_APPEND_FILE_H_

#include <filesystem>
#include <string>
#include <string_view>

namespace dear {

// A file that grows while others read it: every piece is with the operating system when Append()
// returns, so that a crash of this process loses nothing. Every member throws Error (kIo;
// kNotFound where the folder is missing).
class AppendFile {
 public:
  enum class Existing { kKeep, kReplace };
  AppendFile(const std::filesystem::path& path, Existing existing);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  void Append(std::string_view bytes);

 private:
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace dear

#endif  // DEAR_TRAIN_APPEND_FILE_H_
