#ifndef DEAR_API_TEXT_RECORD_H_
#define DEAR_API_TEXT_RECORD_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dear {

// A text that has an id: a passage of a corpus, or a topic.
struct TextRecord {
  std::string id;
  std::string title;
  std::string text;
};

// Under which names files hold the parts of a record, in JSON and in the header of a table. Of
// several that are there the first of the list counts.
struct RecordNames {
  std::string_view what;  // for messages: "a passage"
  std::vector<const char*> ids;
  std::vector<const char*> texts;
};
const RecordNames& PassageNames();
const RecordNames& TopicNames();

// Where a line stands, for errors; a text only when there is one.
struct LinePlace {
  std::string_view file;
  size_t number = 0;

  std::string Text() const { return std::string(file) + ": line " + std::to_string(number); }
};

// The form of a file that holds one record a line:
//   JSON     an object with an id, a text, and perhaps a "title"
//   TSV      id, tab, text: what follows the first tab is the text (MS MARCO's collection and
//            queries), or, where the second of four columns is an address, MS MARCO's documents:
//            id, address, title, text
//   TSV with a header that names an id and a text: columns by these names (DPR's psgs_w100.tsv);
//            cells may stand in quotes, as table software writes them
class RecordForm {
 public:
  // Recognised by the file's first line that is not blank. `names` must outlive the form.
  static RecordForm Of(std::string_view first_line, const RecordNames& names);
  // Id, tab, text, whatever the first line looks like.
  static RecordForm Pairs(const RecordNames& names);

  // The first line names columns and is no record.
  bool has_header() const { return has_header_; }

  // The id on a line, looking at as little of it as will do; a view of the line or of `storage`.
  // Throws kInvalidFormat where there is none.
  std::string_view Id(std::string_view line, const LinePlace& place, std::string* storage) const;
  // All of it. Throws kInvalidFormat for a line of another form, one without a text, and text that
  // is no UTF-8.
  TextRecord Parse(std::string_view line, const LinePlace& place) const;

 private:
  explicit RecordForm(const RecordNames& names) : names_(&names) {}

  TextRecord ParseJsonLine(std::string_view line, const LinePlace& place) const;
  TextRecord ParseColumns(std::string_view line, const LinePlace& place) const;
  std::string_view Cell(std::string_view line, size_t column, const LinePlace& place) const;

  static constexpr size_t kNoColumn = static_cast<size_t>(-1);

  const RecordNames* names_;
  bool is_json_ = false;
  bool has_header_ = false;
  size_t id_column_ = 0;
  size_t text_column_ = 1;
  size_t title_column_ = kNoColumn;
  size_t num_columns_ = 2;
};

}  // namespace dear

#endif  // DEAR_API_TEXT_RECORD_H_
