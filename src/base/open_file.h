#ifndef DEAR_BASE_OPEN_FILE_H_
#define DEAR_BASE_OPEN_FILE_H_

#include <cstddef>
#include <string>

namespace dear {

// A regular file that is open for reading, closed with the object.
class OpenFile {
 public:
  // Throws Error (kNotFound; kIo, also for a folder).
  explicit OpenFile(const std::string& path);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int descriptor() const { return descriptor_; }
  size_t size() const { return size_; }  // when it was opened

 private:
  int descriptor_;
  size_t size_ = 0;
};

}  // namespace dear

#endif  // DEAR_BASE_OPEN_FILE_H_
