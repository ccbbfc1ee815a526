#ifndef DEAR_TRAIN_SFT_JSON_ROWS_H_
#define DEAR_TRAIN_SFT_JSON_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace dear {

// The rows of a file of training data: the elements of one JSON list, or one JSON value a line
// (blank lines between them are nothing). Which of the two is seen from the first character, as
// Hugging Face's `datasets` does, whatever the file is called. Held are the places of the rows, 16
// bytes each; the file is mapped and a row parsed when it is asked for.
class SftJsonRows {
 public:
  // Throws kNotFound, kIo; kInvalidFormat where a list is not closed, or something follows it.
  static SftJsonRows Open(const std::filesystem::path& path);
  // A text in memory; `name` stands for the file in errors.
  static SftJsonRows FromText(std::string text, const std::string& name);

  size_t size() const { return rows_.size(); }
  // Throws kInvalidFormat that names file and line.
  Json Parse(size_t row) const;
  // "FILE:LINE" of where the row begins. Counts the lines before it: for messages, not for loops.
  std::string Place(size_t row) const { return PlaceOf(rows_[row].begin); }

 private:
  struct Span {
    uint64_t begin = 0;
    uint64_t end = 0;
  };

  SftJsonRows(std::shared_ptr<const void> owner, std::string_view text, std::string name);
  void IndexLines(size_t at);
  void IndexList(size_t at);  // behind its bracket
  size_t EndOfElement(size_t at) const;
  size_t SkipSpace(size_t at) const;
  std::string PlaceOf(size_t at) const;
  [[noreturn]] void Fail(size_t at, const std::string& what) const;

  std::shared_ptr<const void> owner_;  // of the bytes of `text_`
  std::string_view text_;
  std::string name_;
  std::vector<Span> rows_;
};

}  // namespace dear

#endif  // DEAR_TRAIN_SFT_JSON_ROWS_H_
