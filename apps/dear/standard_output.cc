#include "standard_output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.h"

namespace dear::app {
namespace {

[[noreturn]] void Fail() {
  const std::string reason = errno == EPIPE
                                 ? "the reader closed the pipe"
                                 : std::strerror(errno);  // NOLINT(concurrency-mt-unsafe)
  throw Error(ErrorCode::kIo, "standard output", reason);
}

}  // namespace

void Print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) Fail();
}

void FlushPrint() {
  if (std::fflush(stdout) != 0) Fail();
}

void Note(bool quiet, const std::string& line) {
  if (!quiet) std::fprintf(stderr, "%s\n", line.c_str());
}

}  // namespace dear::app
