#include "train/sft_json_rows.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/mapped_file.h"

namespace dear {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

SftJsonRows SftJsonRows::Open(const std::filesystem::path& path) {
  auto file = MappedFile::Open(path);
  const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()),
                              file->bytes().size());
  std::string name = file->path();
  return {std::move(file), text, std::move(name)};
}

SftJsonRows SftJsonRows::FromText(std::string text, const std::string& name) {
  auto owner = std::make_shared<const std::string>(std::move(text));
  const std::string_view view = *owner;
  return {std::move(owner), view, name};
}

SftJsonRows::SftJsonRows(std::shared_ptr<const void> owner, std::string_view text, std::string name)
    : owner_(std::move(owner)), text_(text), name_(std::move(name)) {
  const size_t at = SkipSpace(text_.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
  if (at < text_.size() && text_[at] == '[') {
    IndexList(at + 1);
  } else {
    IndexLines(at);
  }
}

Json SftJsonRows::Parse(size_t row) const {
  const Span& span = rows_[row];
  const std::string_view text = text_.substr(span.begin, span.end - span.begin);
  try {
    return ParseJson(text, "");
  } catch (const Error& error) {
    throw Error(error.code(), Place(row), error.message());
  }
}

void SftJsonRows::IndexLines(size_t at) {
  while (at < text_.size()) {
    const size_t end = std::min(text_.find('\n', at), text_.size());
    const size_t last = text_.substr(0, end).find_last_not_of(kSpace);
    if (last != std::string_view::npos && last >= at) rows_.push_back({at, last + 1});
    at = end + 1;
  }
}

void SftJsonRows::IndexList(size_t at) {
  at = SkipSpace(at);
  bool closed = at < text_.size() && text_[at] == ']';
  while (!closed) {
    at = SkipSpace(at);
    const size_t end = EndOfElement(at);
    if (end == text_.size()) Fail(at, "the list is not closed");
    if (end == at) Fail(at, "expected a row, found '" + std::string(1, text_[at]) + "'");
    rows_.push_back({at, end});
    closed = text_[end] == ']';
    at = closed ? end : end + 1;
  }
  const size_t rest = SkipSpace(at + 1);
  if (rest != text_.size()) Fail(rest, "expected nothing behind the list of rows");
}

// Where the comma or bracket stands that ends the element; the text's end where there is none.
size_t SftJsonRows::EndOfElement(size_t at) const {
  size_t depth = 0;
  for (; at < text_.size(); ++at) {
    const char c = text_[at];
    if (c == '"') {
      for (++at; at < text_.size() && text_[at] != '"'; ++at) {
        if (text_[at] == '\\') ++at;
      }
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if (depth == 0 && (c == ',' || c == ']' || c == '}')) {
      return at;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return text_.size();
}

size_t SftJsonRows::SkipSpace(size_t at) const {
  return std::min(text_.find_first_not_of(kSpace, at), text_.size());
}

std::string SftJsonRows::PlaceOf(size_t at) const {
  const auto lines = std::count(text_.begin(), text_.begin() + static_cast<ptrdiff_t>(at), '\n');
  return name_ + ":" + std::to_string(lines + 1);
}

void SftJsonRows::Fail(size_t at, const std::string& what) const {
  throw Error(ErrorCode::kInvalidFormat, PlaceOf(at), what);
}

}  // namespace dear
