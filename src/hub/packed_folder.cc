#include "hub/packed_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPackedSuffix = ".packed";
constexpr size_t kKeyDigits = 64;
// What AtomicFile puts behind the name of a file that is not whole yet: a dot and six characters.
constexpr size_t kUnfinishedSuffix = 7;

bool IsOwnName(std::string_view name) {
  return name.size() == kKeyDigits + kPackedSuffix.size() && name.ends_with(kPackedSuffix) &&
         name.find_first_not_of("0123456789abcdef") == kKeyDigits;
}

bool IsUnfinishedName(std::string_view name) {
  return name.size() > kUnfinishedSuffix && name[name.size() - kUnfinishedSuffix] == '.' &&
         IsOwnName(name.substr(0, name.size() - kUnfinishedSuffix));
}

// An open file with a lock of this process's own on it, or none.
class LockedFile {
 public:
  LockedFile(const fs::path& path, int lock)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) {
    locked_ = fd_ >= 0 && ::flock(fd_, lock | LOCK_NB) == 0;
  }
  ~LockedFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;

  int fd() const { return fd_; }
  bool locked() const { return locked_; }

 private:
  int fd_;
  bool locked_ = false;
};

}  // namespace

struct PackedFolder::File {
  fs::path path;
  uint64_t bytes = 0;
  timespec used{};
  bool unfinished = false;
};

fs::path PackedFolder::FileOf(std::string_view key) const {
  return folder_ / (std::string(key) + std::string(kPackedSuffix));
}

std::shared_ptr<const void> PackedFolder::Use(std::string_view key) const {
  auto file = std::make_shared<LockedFile>(FileOf(key), LOCK_SH);
  if (file->fd() < 0) return nullptr;
  // Where the folder is another's or the file system knows no locks, the file is used all the same.
  ::futimens(file->fd(), nullptr);
  return file;
}

std::vector<PackedFolder::File> PackedFolder::Files() const {
  std::vector<File> files;
  std::error_code error;
  for (auto it = fs::directory_iterator(folder_, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    const bool unfinished = IsUnfinishedName(name);
    struct stat info {};
    if ((!unfinished && !IsOwnName(name)) || ::lstat(it->path().c_str(), &info) != 0 ||
        !S_ISREG(info.st_mode)) {
      continue;
    }
    files.push_back({it->path(), static_cast<uint64_t>(info.st_size), info.st_mtim, unfinished});
  }
  std::ranges::sort(
      files, {}, [](const File& file) { return std::pair(file.used.tv_sec, file.used.tv_nsec); });
  return files;
}

bool PackedFolder::MakeRoom(uint64_t bytes, uint64_t limit) const {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw Error(ErrorCode::kIo, folder_.string(), "cannot make it: " + error.message());
  const std::time_t now = std::time(nullptr);
  std::vector<File> files = Files();
  std::erase_if(files, [now](const File& file) {
    return file.unfinished && file.used.tv_sec < now - kLeftOverSeconds &&
           ::unlink(file.path.c_str()) == 0;
  });
  if (bytes > limit) return false;
  uint64_t held = 0;
  for (const File& file : files) held += file.bytes;
  std::vector<std::pair<fs::path, std::unique_ptr<LockedFile>>> chosen;
  for (const File& file : files) {
    if (held <= limit - bytes) break;
    auto lock = std::make_unique<LockedFile>(file.path, LOCK_EX);
    if (file.unfinished || !lock->locked()) continue;
    held -= file.bytes;
    chosen.emplace_back(file.path, std::move(lock));
  }
  if (held > limit - bytes) return false;
  for (const auto& [path, lock] : chosen) ::unlink(path.c_str());
  return true;
}

uint64_t PackedFolder::Bytes() const {
  uint64_t bytes = 0;
  for (const File& file : Files()) bytes += file.bytes;
  return bytes;
}

}  // namespace dear
