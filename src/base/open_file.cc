#include "base/open_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/system_error.h"

namespace dear {

OpenFile::OpenFile(const std::string& path)
    : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ < 0) ThrowErrno(path, "cannot open");
  struct stat info {};
  if (::fstat(descriptor_, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(descriptor_);
    throw Error(ErrorCode::kIo, path, "not a regular file");
  }
  size_ = static_cast<size_t>(info.st_size);
}

OpenFile::~OpenFile() {
  ::close(descriptor_);
}

}  // namespace dear
