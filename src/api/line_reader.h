#ifndef DEAR_API_LINE_READER_H_
#define DEAR_API_LINE_READER_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace dear {

// A text, plain or gzipped, line by line: what is held in memory is one line and a small buffer.
class LineReader {
 public:
  // A file is unpacked where it is gzip, whatever its name. Throws kNotFound, kIo.
  explicit LineReader(const std::filesystem::path& path);
  // A text that is in memory already; `name` stands for the file in errors.
  LineReader(std::string text, std::string name);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // The next line without its line end; false behind the last one. Throws kIo; kInvalidFormat for
  // a damaged archive and for a line of more than a gigabyte.
  bool Next(std::string* line);
  // Of the line that Next gave last; the first is 1.
  size_t number() const { return number_; }
  // Where that line begins in the unpacked text, in bytes.
  uint64_t offset() const { return offset_; }
  // Whether what Next gave came out of gzip, so that offsets are not those of the file.
  bool is_packed() const;
  const std::string& name() const { return name_; }

 private:
  bool Fill();

  std::string name_;
  void* file_ = nullptr;  // gzFile; null: `text_` is all there is
  std::string text_;      // what is read and not yet given, from `at_`
  size_t at_ = 0;
  uint64_t dropped_ = 0;  // bytes that stood before `text_`
  uint64_t offset_ = 0;
  size_t number_ = 0;
};

}  // namespace dear

#endif  // DEAR_API_LINE_READER_H_
