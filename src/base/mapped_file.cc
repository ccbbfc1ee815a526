#include "base/mapped_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/open_file.h"
#include "base/system_error.h"

namespace dear {

std::shared_ptr<const MappedFile> MappedFile::Open(const std::filesystem::path& path) {
  const OpenFile file(path.string());
  const size_t size = file.size();
  const std::byte* data = nullptr;
  if (size > 0) {
    void* mapping = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
    if (mapping == MAP_FAILED) ThrowErrno(path.string(), "cannot map");
    data = static_cast<const std::byte*>(mapping);
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path.string(), data, size));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

std::string ReadFile(const std::filesystem::path& path, size_t limit) {
  const OpenFile file(path.string());
  const size_t size = file.size();
  if (size > limit) {
    throw Error(ErrorCode::kInvalidFormat, path.string(),
                "is " + std::to_string(size) + " bytes long, at most " + std::to_string(limit) +
                    " are read");
  }
  std::string text(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(file.descriptor(), text.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) ThrowErrno(path.string(), "cannot read");
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  text.resize(done);
  return text;
}

void WriteFileAtomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.Write(bytes);
  file.Commit();
}

}  // namespace dear
