#ifndef DEAR_BASE_SYSTEM_ERROR_H_
#define DEAR_BASE_SYSTEM_ERROR_H_

#include <string>

namespace dear {

// Throws the Error of the system call on `path` that has just failed, by errno: kNotFound where the
// file or its folder is missing, else kIo; "`what`: " and the system's words.
[[noreturn]] void ThrowErrno(const std::string& path, const std::string& what);

}  // namespace dear

#endif  // DEAR_BASE_SYSTEM_ERROR_H_
