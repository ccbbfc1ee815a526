#include "eval/text_source.h"

#include <zlib.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.h"

namespace dear::eval {
namespace {

bool IsGzip(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

// One inflate stream, closed whatever happens.
class Inflater {
 public:
  explicit Inflater(const std::string& name) : name_(name) {
    if (inflateInit2(&stream_, 15 + 16) != Z_OK)  // 15 bits of window, gzip header
      throw Error(ErrorCode::kOutOfMemory, name_, "cannot start to unpack");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Unpacks every member of `packed`. Memory grows with what was really unpacked.
  std::string Unpack(std::string_view packed, size_t limit) {
    constexpr size_t kMaxPiece = size_t{1} << 30;  // zlib counts in 32 bits
    std::string out;
    size_t given = 0;
    size_t filled = 0;
    bool ended = false;
    while (true) {
      if (stream_.avail_in == 0 && given < packed.size()) {
        const size_t piece = std::min(kMaxPiece, packed.size() - given);
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + given));
        stream_.avail_in = static_cast<uInt>(piece);
        given += piece;
      }
      if (ended) {
        // Another member, or padding after the last one, which gzip ignores as well.
        if (stream_.avail_in == 0 || *stream_.next_in != 0x1f) break;
        if (inflateReset(&stream_) != Z_OK) Damaged("cannot go on");
        ended = false;
      }
      if (filled == out.size()) {
        if (out.size() >= limit)
          Damaged("unpacks to more than " + std::to_string(limit) + " bytes");
        out.resize(std::min(limit, std::max(size_t{1} << 16, out.size() * 2)));
      }
      const size_t room = std::min(kMaxPiece, out.size() - filled);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + filled);
      stream_.avail_out = static_cast<uInt>(room);
      const int code = inflate(&stream_, Z_NO_FLUSH);
      filled += room - stream_.avail_out;
      if (code == Z_STREAM_END) {
        ended = true;
      } else if (code == Z_BUF_ERROR || (code == Z_OK && stream_.avail_in == 0 &&
                                         given == packed.size() && stream_.avail_out != 0)) {
        Damaged("the gzip archive ends too early");
      } else if (code != Z_OK) {
        Damaged(std::string("damaged gzip archive: ") +
                (stream_.msg != nullptr ? stream_.msg : "unknown reason"));
      }
    }
    out.resize(filled);
    return out;
  }

 private:
  [[noreturn]] void Damaged(const std::string& what) const {
    throw Error(ErrorCode::kInvalidFormat, name_, what);
  }

  std::string name_;
  z_stream stream_ = {};
};

}  // namespace

std::shared_ptr<const TextSource> TextSource::Open(const std::filesystem::path& path,
                                                   size_t limit) {
  std::shared_ptr<TextSource> source(new TextSource);
  source->name_ = path.string();
  source->file_ = MappedFile::Open(path);
  const auto bytes = source->file_->bytes();
  source->text_ = std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (IsGzip(source->text_)) {
    source->owned_ = Inflater(source->name_).Unpack(source->text_, limit);
    source->text_ = source->owned_;
    source->file_.reset();
  }
  return source;
}

std::shared_ptr<const TextSource> TextSource::FromString(std::string text, std::string name,
                                                         size_t limit) {
  std::shared_ptr<TextSource> source(new TextSource);
  source->name_ = std::move(name);
  source->owned_ = IsGzip(text) ? Inflater(source->name_).Unpack(text, limit) : std::move(text);
  source->text_ = source->owned_;
  return source;
}

}  // namespace dear::eval
