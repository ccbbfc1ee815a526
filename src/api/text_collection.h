#ifndef DEAR_API_TEXT_COLLECTION_H_
#define DEAR_API_TEXT_COLLECTION_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/id_table.h"
#include "api/line_reader.h"
#include "api/text_record.h"
#include "base/progress.h"

namespace dear {

// Those records of a file, one a line (text_record.h), that are asked for by id: a corpus, of which
// a run names some passages. The file is gone through once. Of a plain file memory holds where each
// of them stands, 24 bytes, and they are read when they are needed; out of gzip, and from a pipe,
// nothing can be read twice, so that the lines themselves are held.
class TextCollection {
 public:
  // `wanted` must outlive the collection. Throws what LineReader throws; kInvalidFormat with file
  // and line for a line without an id, and, of the records that are wanted, for one that cannot be
  // read (see RecordForm::Parse) and for two texts under one id; kCancelled.
  TextCollection(const std::filesystem::path& path, const RecordNames& names, const IdTable& wanted,
                 const CancelFn& cancel = {});
  // A text that is in memory; `name` stands for the file in errors. The first line tells the form
  // where none is given.
  TextCollection(std::string text, std::string name, const RecordNames& names,
                 const IdTable& wanted, std::optional<RecordForm> form = {},
                 const CancelFn& cancel = {});
  ~TextCollection();
  TextCollection(TextCollection&&) noexcept;
  TextCollection& operator=(TextCollection&&) = delete;

  // By the number that an id has in the table.
  bool Has(size_t number) const { return places_[number].line != 0; }
  // One that is there. Throws kIo, and kInvalidFormat where the file was changed since.
  TextRecord Read(size_t number) const;

  // Records that nobody asked for, and the id of the first of them.
  size_t num_others() const { return num_others_; }
  const std::string& first_other() const { return first_other_; }
  const std::string& name() const { return name_; }

 private:
  class File;
  struct Place {
    uint64_t offset = 0;  // in the file, or in `kept_`
    uint64_t line = 0;    // 0: not there
    uint32_t length = 0;
  };

  TextCollection(std::string name, const IdTable& wanted);
  void Scan(LineReader& lines, const RecordNames& names, const CancelFn& cancel);
  void Take(size_t number, std::string_view record, Place place);

  std::string name_;
  const IdTable* wanted_;
  std::optional<RecordForm> form_;
  std::unique_ptr<File> file_;  // null: the lines are in `kept_`
  std::string kept_;
  std::vector<Place> places_;  // by number
  size_t num_others_ = 0;
  std::string first_other_;
};

}  // namespace dear

#endif  // DEAR_API_TEXT_COLLECTION_H_
