#ifndef DEAR_EVAL_TEXT_SOURCE_H_
#define DEAR_EVAL_TEXT_SOURCE_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/mapped_file.h"

namespace dear::eval {

// A whole text that is read in place: a mapped file, or one unpacked from gzip. Shared: qrels and
// runs point into it and hold it alive.
class TextSource {
 public:
  // A gzip file (several members are one text) is known by its first two bytes, whatever its name.
  // Throws Error: kNotFound, kIo; kInvalidFormat for a damaged archive or one that unpacks to more
  // than `limit` bytes.
  static std::shared_ptr<const TextSource> Open(const std::filesystem::path& path,
                                                size_t limit = size_t{32} << 30);
  // Text that is already in memory (standard input, tests), unpacked if it is gzip. `name` stands
  // for the file in errors.
  static std::shared_ptr<const TextSource> FromString(std::string text, std::string name,
                                                      size_t limit = size_t{32} << 30);

  std::string_view text() const { return text_; }
  const std::string& name() const { return name_; }

 private:
  TextSource() = default;

  std::shared_ptr<const MappedFile> file_;
  std::string owned_;
  std::string_view text_;
  std::string name_;
};

}  // namespace dear::eval

#endif  // DEAR_EVAL_TEXT_SOURCE_H_
