#include "train/append_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/error.h"

namespace dear {
namespace {

[[noreturn]] void ThrowErrno(const std::string& path, const std::string& what) {
  const int error = errno;
  const bool missing = error == ENOENT || error == ENOTDIR;
  throw Error(missing ? ErrorCode::kNotFound : ErrorCode::kIo, path,
              what + ": " + std::generic_category().message(error));
}

}  // namespace

AppendFile::AppendFile(const std::filesystem::path& path, Existing existing)
    : path_(path.string()) {
  const int flags =
      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (existing == Existing::kReplace ? O_TRUNC : 0);
  descriptor_ = ::open(path_.c_str(), flags, 0666);
  if (descriptor_ < 0) ThrowErrno(path_, "cannot open for writing");
}

AppendFile::~AppendFile() {
  ::close(descriptor_);
}

void AppendFile::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) ThrowErrno(path_, "cannot write");
    bytes.remove_prefix(static_cast<size_t>(put));
  }
}

}  // namespace dear
