#include "api/text_collection.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace dear {

// A file that is read at any place.
class TextCollection::File {
 public:
  explicit File(const std::string& name) : fd_(::open(name.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) throw Error(ErrorCode::kIo, name, std::generic_category().message(errno));
  }
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Fewer bytes than asked for where the file ends before.
  std::string Read(uint64_t offset, size_t length, const std::string& name) const {
    std::string out(length, '\0');
    size_t got = 0;
    while (got < length) {
      const ssize_t count =
          ::pread(fd_, out.data() + got, length - got, static_cast<off_t>(offset + got));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw Error(ErrorCode::kIo, name, std::generic_category().message(errno));
      if (count == 0) break;
      got += static_cast<size_t>(count);
    }
    out.resize(got);
    return out;
  }

 private:
  int fd_;
};

TextCollection::TextCollection(std::string name, const IdTable& wanted)
    : name_(std::move(name)), wanted_(&wanted), places_(wanted.size()) {}

TextCollection::TextCollection(const std::filesystem::path& path, const RecordNames& names,
                               const IdTable& wanted, const CancelFn& cancel)
    : TextCollection(path.string(), wanted) {
  LineReader lines(path);
  std::error_code error;
  if (!lines.is_packed() && std::filesystem::is_regular_file(path, error))
    file_ = std::make_unique<File>(name_);
  Scan(lines, names, cancel);
}

TextCollection::TextCollection(std::string text, std::string name, const RecordNames& names,
                               const IdTable& wanted, std::optional<RecordForm> form,
                               const CancelFn& cancel)
    : TextCollection(std::move(name), wanted) {
  form_ = form;
  LineReader lines(std::move(text), name_);
  Scan(lines, names, cancel);
}

TextCollection::~TextCollection() = default;
TextCollection::TextCollection(TextCollection&&) noexcept = default;

void TextCollection::Scan(LineReader& lines, const RecordNames& names, const CancelFn& cancel) {
  constexpr size_t kLinesBetweenQuestions = 4096;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  std::string line;
  std::string storage;
  bool is_empty = true;
  while (lines.Next(&line)) {
    if (cancel && lines.number() % kLinesBetweenQuestions == 0 && cancel())
      throw Error(ErrorCode::kCancelled, name_, "stopped");
    std::string_view record = line;
    uint64_t offset = lines.offset();
    if (lines.number() == 1 && record.starts_with(kByteOrderMark)) {
      record.remove_prefix(kByteOrderMark.size());
      offset += kByteOrderMark.size();
    }
    if (record.ends_with('\r')) record.remove_suffix(1);
    if (record.find_first_not_of(" \t") == std::string_view::npos) continue;
    if (!form_) {
      form_ = RecordForm::Of(record, names);
      if (form_->has_header()) continue;
    }
    is_empty = false;
    const std::string_view id = form_->Id(record, {name_, lines.number()}, &storage);
    if (const auto number = wanted_->Find(id)) {
      Take(*number, record, {.offset = offset, .line = lines.number()});
    } else if (num_others_++ == 0) {
      first_other_ = id;
    }
  }
  if (is_empty) throw Error(ErrorCode::kInvalidFormat, name_, "is empty: there are no texts");
}

void TextCollection::Take(size_t number, std::string_view record, Place place) {
  const LinePlace where{name_, place.line};
  const TextRecord parsed = form_->Parse(record, where);
  if (parsed.id != (*wanted_)[number])
    throw Error(ErrorCode::kInvalidFormat, where.Text(), "the record has two ids");
  if (Has(number)) {
    const TextRecord first = Read(number);
    if (first.title == parsed.title && first.text == parsed.text) return;
    throw Error(ErrorCode::kInvalidFormat, where.Text(),
                "'" + parsed.id + "' has another text than on line " +
                    std::to_string(places_[number].line));
  }
  place.length = static_cast<uint32_t>(record.size());  // LineReader bounds a line by a gigabyte
  if (file_ == nullptr) {
    place.offset = kept_.size();
    kept_ += record;
  }
  places_[number] = place;
}

TextRecord TextCollection::Read(size_t number) const {
  const Place& place = places_[number];
  const LinePlace where{name_, place.line};
  const std::string line = file_ != nullptr ? file_->Read(place.offset, place.length, name_)
                                            : kept_.substr(place.offset, place.length);
  const auto changed = [&where] {
    return Error(ErrorCode::kInvalidFormat, where.Text(), "the file was changed while it was used");
  };
  try {
    TextRecord record = form_->Parse(line, where);
    if (record.id != (*wanted_)[number]) throw changed();
    return record;
  } catch (const Error&) {
    // The line was read once without an error.
    throw changed();
  }
}

}  // namespace dear
