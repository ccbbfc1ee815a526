#include "base/system_error.h"

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace dear {

void ThrowErrno(const std::string& path, const std::string& what) {
  const int error = errno;
  const bool missing = error == ENOENT || error == ENOTDIR;
  throw Error(missing ? ErrorCode::kNotFound : ErrorCode::kIo, path,
              what + ": " + std::strerror(error));
}

}  // namespace dear
