#include "api/text_records.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace dear {

TextRecords::TextRecords(std::shared_ptr<const eval::TextSource> source, const RecordNames& names,
                         std::optional<RecordForm> form, const CancelFn& cancel)
    : source_(std::move(source)), form_(form) {
  constexpr size_t kLinesBetweenQuestions = 4096;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  const std::string_view text = source_->text();
  size_t at = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  for (size_t number = 1; at < text.size(); ++number) {
    if (cancel && number % kLinesBetweenQuestions == 0 && cancel())
      throw Error(ErrorCode::kCancelled, name(), "stopped");
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    const size_t begin = std::exchange(at, end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    if (!form_) {
      form_ = RecordForm::Of(line, names);
      if (form_->has_header()) continue;
    }
    lines_.push_back({begin, line.size()});
  }
  if (lines_.empty())
    throw Error(ErrorCode::kInvalidFormat, name(), "is empty: there are no texts");
}

std::string_view TextRecords::Line(size_t index) const {
  return source_->text().substr(lines_[index].begin, lines_[index].size);
}

TextRecord TextRecords::Read(size_t index) const {
  const std::string_view line = Line(index);
  try {
    return form_->Parse(line, {.file = "", .number = 0});
  } catch (const Error&) {
    // Once more, to name the place, which is counted only where it is needed.
    return form_->Parse(line, {.file = name(), .number = Number(index)});
  }
}

std::string TextRecords::Place(size_t index) const {
  return LinePlace{name(), Number(index)}.Text();
}

size_t TextRecords::Number(size_t index) const {
  const std::string_view before = source_->text().substr(0, lines_[index].begin);
  return static_cast<size_t>(1 + std::ranges::count(before, '\n'));
}

std::string SearchedText(const TextRecord& record) {
  return record.title.empty() ? record.text : record.title + " " + record.text;
}

}  // namespace dear
