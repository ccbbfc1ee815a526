#include "api/line_reader.h"

#include <zlib.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace dear {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 18;
constexpr size_t kLongestLine = size_t{1} << 30;

gzFile Gz(void* file) {
  return static_cast<gzFile>(file);
}

}  // namespace

LineReader::LineReader(const std::filesystem::path& path) : name_(path.string()) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    throw Error(ErrorCode::kNotFound, name_, "there is no such file");
  if (std::filesystem::is_directory(path, error))
    throw Error(ErrorCode::kIo, name_, "is a folder, not a file");
  errno = 0;
  file_ = gzopen(name_.c_str(), "rbe");
  if (file_ == nullptr) {
    if (errno == 0) throw Error(ErrorCode::kOutOfMemory, name_, "cannot be opened");
    throw Error(ErrorCode::kIo, name_, std::generic_category().message(errno));
  }
  gzbuffer(Gz(file_), 1U << 17);
}

LineReader::LineReader(std::string text, std::string name)
    : name_(std::move(name)), text_(std::move(text)) {}

LineReader::~LineReader() {
  if (file_ != nullptr) gzclose_r(Gz(file_));
}

bool LineReader::is_packed() const {
  return file_ != nullptr && gzdirect(Gz(file_)) == 0;
}

bool LineReader::Fill() {
  if (file_ == nullptr) return false;
  text_.erase(0, at_);
  dropped_ += at_;
  at_ = 0;
  const size_t had = text_.size();
  text_.resize(had + kBufferBytes);
  errno = 0;
  const int count = gzread(Gz(file_), text_.data() + had, static_cast<unsigned>(kBufferBytes));
  text_.resize(had + static_cast<size_t>(count > 0 ? count : 0));
  if (count > 0) return true;
  int code = Z_OK;
  const char* message = gzerror(Gz(file_), &code);
  if (code == Z_ERRNO) throw Error(ErrorCode::kIo, name_, std::generic_category().message(errno));
  if (code == Z_BUF_ERROR)
    throw Error(ErrorCode::kInvalidFormat, name_, "the gzip archive ends too early");
  if (count < 0) {
    throw Error(ErrorCode::kInvalidFormat, name_,
                std::string("damaged gzip archive: ") + (message != nullptr ? message : ""));
  }
  return false;
}

bool LineReader::Next(std::string* line) {
  size_t searched = at_;
  while (true) {
    const size_t end = text_.find('\n', searched);
    if (end != std::string::npos) {
      line->assign(text_, at_, end - at_);
      offset_ = dropped_ + at_;
      at_ = end + 1;
      ++number_;
      return true;
    }
    const size_t pending = text_.size() - at_;
    if (pending > kLongestLine) {
      throw Error(ErrorCode::kInvalidFormat, name_ + ": line " + std::to_string(number_ + 1),
                  "is longer than a gigabyte");
    }
    if (!Fill()) break;
    searched = at_ + pending;
  }
  if (at_ == text_.size()) return false;
  line->assign(text_, at_);
  offset_ = dropped_ + at_;
  at_ = text_.size();
  ++number_;
  return true;
}

}  // namespace dear
