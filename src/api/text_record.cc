#include "api/text_record.h"

#include <algorithm>
#include <optional>

#include "api/json_id.h"
#include "base/error.h"
#include "base/json.h"
#include "text/unicode.h"

namespace dear {
namespace {

[[noreturn]] void Fail(const LinePlace& place, const std::string& message) {
  throw Error(ErrorCode::kInvalidFormat, place.Text(), message);
}

std::vector<std::string_view> Columns(std::string_view line) {
  std::vector<std::string_view> out;
  while (true) {
    const size_t tab = line.find('\t');
    out.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return out;
    line.remove_prefix(tab + 1);
  }
}

// Which of the columns has the first of `names` that any has.
std::optional<size_t> ColumnOf(const std::vector<std::string_view>& columns,
                               const std::vector<const char*>& names) {
  for (const char* name : names) {
    const auto found = std::ranges::find(columns, std::string_view(name));
    if (found != columns.end()) return static_cast<size_t>(found - columns.begin());
  }
  return std::nullopt;
}

// A cell as table software writes it: in quotes, with quotes inside doubled.
std::string Unquoted(std::string_view cell) {
  if (cell.size() < 2 || cell.front() != '"' || cell.back() != '"') return std::string(cell);
  cell = cell.substr(1, cell.size() - 2);
  std::string out;
  for (size_t i = 0; i < cell.size(); ++i) {
    out += cell[i];
    if (cell[i] == '"' && cell.substr(i + 1, 1) == "\"") ++i;
  }
  return out;
}

std::string Listed(const std::vector<const char*>& names) {
  std::string out;
  for (const char* name : names) {
    if (!out.empty()) out += name == names.back() ? " or " : ", ";
    out += name;
  }
  return out;
}

}  // namespace

const RecordNames& PassageNames() {
  // "pid" before "docid": MS MARCO's passages of version 2 have both, and are told apart by the
  // first.
  static const RecordNames names{
      .what = "a passage",
      .ids = {"_id", "id", "pid", "docid", "doc_id"},
      .texts = {"text", "segment", "contents", "content", "body", "passage"}};
  return names;
}

const RecordNames& TopicNames() {
  static const RecordNames names{.what = "a topic",
                                 .ids = {"_id", "id", "qid", "query_id"},
                                 .texts = {"text", "query", "title", "contents", "question"}};
  return names;
}

RecordForm RecordForm::Pairs(const RecordNames& names) {
  return RecordForm(names);
}

RecordForm RecordForm::Of(std::string_view first_line, const RecordNames& names) {
  RecordForm form(names);
  const size_t first = first_line.find_first_not_of(" \t");
  if (first != std::string_view::npos && first_line[first] == '{') {
    form.is_json_ = true;
    return form;
  }
  const std::vector<std::string_view> columns = Columns(first_line);
  const auto id = ColumnOf(columns, names.ids);
  const auto text = ColumnOf(columns, names.texts);
  if (id && text) {
    form.has_header_ = true;
    form.id_column_ = *id;
    form.text_column_ = *text;
    const auto title = std::ranges::find(columns, "title");
    form.title_column_ = static_cast<size_t>(title - columns.begin());
    if (title == columns.end() || form.title_column_ == *text) form.title_column_ = kNoColumn;
    form.num_columns_ = columns.size();
  } else if (columns.size() == 4 &&
             (columns[1].starts_with("http://") || columns[1].starts_with("https://"))) {
    form.title_column_ = 2;
    form.text_column_ = 3;
    form.num_columns_ = 4;
  }
  return form;
}

std::string_view RecordForm::Cell(std::string_view line, size_t column,
                                  const LinePlace& place) const {
  for (size_t i = 0; i < column; ++i) {
    const size_t tab = line.find('\t');
    if (tab == std::string_view::npos) {
      Fail(place, num_columns_ == 2 ? "expected an id, a tab and a text, or a JSON object"
                                    : "expected " + std::to_string(num_columns_) +
                                          " columns, found " + std::to_string(i + 1));
    }
    line.remove_prefix(tab + 1);
  }
  // What follows the last tab that the form has belongs to the text, further tabs included.
  return column + 1 == num_columns_ ? line : line.substr(0, line.find('\t'));
}

std::string_view RecordForm::Id(std::string_view line, const LinePlace& place,
                                std::string* storage) const {
  if (is_json_) {
    if (const auto id = PeekJsonId(line, names_->ids)) return *id;
    *storage = Parse(line, place).id;
    return *storage;
  }
  std::string_view id = Cell(line, id_column_, place);
  if (has_header_ && id.starts_with('"')) {
    *storage = Unquoted(id);
    id = *storage;
  }
  if (num_columns_ == 2 && id.size() == line.size()) Cell(line, 1, place);  // there is no tab
  if (id.empty()) Fail(place, "the id is empty");
  return id;
}

TextRecord RecordForm::Parse(std::string_view line, const LinePlace& place) const {
  return is_json_ ? ParseJsonLine(line, place) : ParseColumns(line, place);
}

TextRecord RecordForm::ParseJsonLine(std::string_view line, const LinePlace& place) const {
  const std::string where = place.Text();
  const Json json = ParseJson(line, where);
  if (!json.is_object()) Fail(place, "must be a JSON object with an id and a text");
  TextRecord record;
  for (const char* key : names_->ids) {
    record.id = JsonId(json, key, where);
    if (!record.id.empty()) break;
  }
  if (record.id.empty()) Fail(place, "no id (" + Listed(names_->ids) + ")");
  const JsonFields fields(json, where);
  for (const char* key : names_->texts) {
    if (!fields.Has(key)) continue;
    record.text = fields.RequireString(key);
    if (std::string_view(key) != "title") record.title = fields.String("title", "");
    return record;
  }
  Fail(place, "'" + record.id + "' is " + std::string(names_->what) + " without a text (" +
                  Listed(names_->texts) + ")");
}

TextRecord RecordForm::ParseColumns(std::string_view line, const LinePlace& place) const {
  if (!IsValidUtf8(line)) Fail(place, "is not valid UTF-8");
  const auto cell = [&](size_t column) {
    const std::string_view raw = Cell(line, column, place);
    return has_header_ ? Unquoted(raw) : std::string(raw);
  };
  TextRecord record;
  record.id = cell(id_column_);
  if (record.id.empty()) Fail(place, "the id is empty");
  record.text = cell(text_column_);
  if (title_column_ != kNoColumn) record.title = cell(title_column_);
  return record;
}

}  // namespace dear
