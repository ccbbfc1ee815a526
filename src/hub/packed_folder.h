#ifndef DEAR_HUB_PACKED_FOLDER_H_
#define DEAR_HUB_PACKED_FOLDER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

namespace dear {

// A folder of files that can be made again, one a key of 64 lower-case hex digits: "KEY.packed". It
// touches nothing else that lies there. Several processes may work on it at once.
class PackedFolder {
 public:
  explicit PackedFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path& path() const { return folder_; }
  std::filesystem::path FileOf(std::string_view key) const;

  // Says that the file is used now. While the result lives, no process removes the file. Null where
  // there is none.
  std::shared_ptr<const void> Use(std::string_view key) const;

  // Makes the folder where it is missing, removes what writers left that were killed, then files
  // that are not in use, those first that were used longest ago, until `bytes` more fit below
  // `limit`. False where they cannot; nothing is removed for them then. Throws kIo where the folder
  // cannot be made.
  bool MakeRoom(uint64_t bytes, uint64_t limit) const;

  // Of all files of the folder's own.
  uint64_t Bytes() const;

  // How long a file that is being written may go without growing before it counts as left over.
  static constexpr int64_t kLeftOverSeconds = 3600;

 private:
  struct File;
  std::vector<File> Files() const;  // the longest unused first

  std::filesystem::path folder_;
};

}  // namespace dear

#endif  // DEAR_HUB_PACKED_FOLDER_H_
