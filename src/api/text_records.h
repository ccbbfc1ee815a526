#ifndef DEAR_API_TEXT_RECORDS_H_
#define DEAR_API_TEXT_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/text_record.h"
#include "base/progress.h"
#include "eval/text_source.h"

namespace dear {

// All records of a text, one a line (text_record.h); TextCollection is for those that are asked for
// by id. Held are the places of the lines, 16 bytes each; the text is mapped, or unpacked in memory
// where it is gzip.
class TextRecords {
 public:
  // `names` must outlive this. The first line tells the form where none is given. Throws
  // kInvalidFormat for a text without records; kCancelled.
  TextRecords(std::shared_ptr<const eval::TextSource> source, const RecordNames& names,
              std::optional<RecordForm> form = {}, const CancelFn& cancel = {});

  size_t size() const { return lines_.size(); }
  // From any thread. Throws what RecordForm::Parse throws.
  TextRecord Read(size_t index) const;
  // The file's name.
  const std::string& name() const { return source_->name(); }
  // "FILE: line N".
  std::string Place(size_t index) const;

 private:
  std::string_view Line(size_t index) const;
  size_t Number(size_t index) const;  // of the line

  std::shared_ptr<const eval::TextSource> source_;
  std::optional<RecordForm> form_;
  struct Span {
    uint64_t begin = 0;
    uint64_t size = 0;
  };
  std::vector<Span> lines_;
};

// A passage as a search sees it: title and text.
std::string SearchedText(const TextRecord& record);

}  // namespace dear

#endif  // DEAR_API_TEXT_RECORDS_H_
