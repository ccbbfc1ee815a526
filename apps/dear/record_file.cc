#include "record_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace dear::app {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kListEnd = "\n]\n";

[[noreturn]] void FailIo(const fs::path& path) {
  throw Error(ErrorCode::kIo, path.string(), std::generic_category().message(errno));
}

// Finds the records of a file from its lines.
class RecordReader {
 public:
  RecordReader(const fs::path& path, RecordLayout layout)
      : path_(path), stream_(path, std::ios::binary), layout_(layout) {
    if (!stream_) FailIo(path);
  }

  struct Record {
    std::string text;
    size_t line = 0;  // where it begins
    uintmax_t begin = 0;
    uintmax_t end = 0;
  };

  // The next whole record; nothing where what follows is cut off.
  std::optional<Record> Next() {
    switch (layout_) {
      case RecordLayout::kLines: return NextLine();
      case RecordLayout::kTrecLines: return NextTrec();
      case RecordLayout::kList: return NextOfList();
    }
    return std::nullopt;
  }

 private:
  // A line without its end; `whole` says whether it has one.
  bool Line(std::string* line, bool* whole) {
    if (!std::getline(stream_, *line)) {
      if (stream_.bad()) FailIo(path_);
      return false;
    }
    *whole = !stream_.eof();
    begin_ = offset_;
    offset_ += line->size() + (*whole ? 1 : 0);
    ++number_;
    return true;
  }

  std::optional<Record> NextLine() {
    std::string line;
    bool whole = false;
    while (Line(&line, &whole) && whole) {
      if (!line.empty()) return Record{std::move(line), number_, begin_, offset_};
    }
    return std::nullopt;
  }

  // The lines of a query are whole where another query's follow.
  std::optional<Record> NextTrec() {
    std::string line;
    bool whole = false;
    while (Line(&line, &whole) && whole) {
      const std::string_view text(line);
      const bool same = text.substr(0, text.find(' ')) ==
                        std::string_view(lines_.text).substr(0, lines_.text.find(' '));
      if (lines_.text.empty() || same) {
        if (lines_.text.empty()) lines_ = {"", number_, begin_, 0};
        lines_.text += line + "\n";
        continue;
      }
      lines_.end = begin_;
      return std::exchange(lines_, Record{line + "\n", number_, begin_, 0});
    }
    return std::nullopt;
  }

  // An object begins and ends with a bracket that is indented by two; within it none is.
  std::optional<Record> NextOfList() {
    Record record;
    std::string line;
    bool whole = false;
    while (Line(&line, &whole)) {
      if (record.text.empty()) {
        if (line != "  {") continue;
        record = {"{", number_, begin_, 0};
      } else if (line == "  }" || line == "  },") {
        record.text += "\n}";
        record.end = begin_ + 3;
        return record;
      } else {
        record.text += "\n" + line;
      }
    }
    return std::nullopt;
  }

  const fs::path& path_;
  std::ifstream stream_;
  RecordLayout layout_;
  uintmax_t begin_ = 0;   // of the line that was read last
  uintmax_t offset_ = 0;  // behind it
  size_t number_ = 0;
  Record lines_;  // of TREC, begun
};

}  // namespace

bool HoldsSomething(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && fs::file_size(path, error) > 0;
}

void RefuseExisting(const fs::path& path, ExistingFile existing) {
  if (existing != ExistingFile::kRefuse || !HoldsSomething(path)) return;
  throw Error(ErrorCode::kInvalidArgument, path.string(),
              "is already there; carry it on with --resume or replace it with --overwrite");
}

RecordFile::RecordFile(fs::path path, RecordLayout layout, ExistingFile existing)
    : path_(std::move(path)), layout_(layout) {
  RefuseExisting(path_, existing);
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC |
                    (layout == RecordLayout::kList ? 0 : O_APPEND) |
                    (existing == ExistingFile::kOverwrite ? O_TRUNC : 0);
  descriptor_ = open(path_.c_str(), flags, 0666);
  if (descriptor_ < 0) FailIo(path_);
}

RecordFile::~RecordFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

void RecordFile::ReadBack(
    const std::function<bool(std::string_view record, const std::string& where)>& keep) {
  if (!HoldsSomething(path_)) return;
  RecordReader reader(path_, layout_);
  while (const auto record = reader.Next()) {
    if (!keep(record->text, path_.string() + ": line " + std::to_string(record->line))) break;
    end_ = record->end;
    first_ = false;
  }
  if (end_ < fs::file_size(path_)) fs::resize_file(path_, end_);
  if (layout_ == RecordLayout::kList && !first_) {
    Seek(end_);
    Write(kListEnd);
  }
}

void RecordFile::Append(std::string_view record) {
  if (layout_ == RecordLayout::kList) {
    // Written over the end of the list, in one piece with the new one.
    std::string piece = first_ ? "[\n  " : ",\n  ";
    for (const char c : record) {
      piece += c;
      if (c == '\n') piece += "  ";
    }
    piece += kListEnd;
    Seek(end_);
    Write(piece);
    end_ += piece.size() - kListEnd.size();
    first_ = false;
  } else {
    Write(record);
  }
  if (std::chrono::steady_clock::now() - synced_ >= std::chrono::seconds(1)) Sync();
}

void RecordFile::Seek(uintmax_t offset) const {
  if (lseek(descriptor_, static_cast<off_t>(offset), SEEK_SET) >= 0) return;
  if (errno != ESPIPE) FailIo(path_);
  throw Error(ErrorCode::kInvalidArgument, path_.string(),
              "a JSON list grows in a file, not in a pipe; write lines (.jsonl) there");
}

void RecordFile::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) FailIo(path_);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
}

void RecordFile::Sync() {
  // A pipe or a terminal has nothing to bring to a disk.
  if (fdatasync(descriptor_) != 0 && errno != EINVAL && errno != EROFS && errno != ENOTSUP)
    FailIo(path_);
  synced_ = std::chrono::steady_clock::now();
}

}  // namespace dear::app
