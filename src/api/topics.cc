#include "api/topics.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "api/line_reader.h"
#include "api/text_records.h"
#include "base/error.h"
#include "eval/text_source.h"

namespace dear {
namespace {

constexpr size_t kLargestTopics = size_t{1} << 30;

// TREC's classic topics as a table of number and title.
class TrecTopics {
 public:
  TrecTopics(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  std::string Table() {
    std::map<std::string, std::string> titles;
    std::string table;
    size_t at = text_.find("<top>");
    while (at != std::string_view::npos) {
      const size_t next = text_.find("<top>", at + 1);
      const std::string_view topic = text_.substr(at, next - at);
      const std::string number = Number(Field(topic, "<num>", at), at);
      const std::string title = Field(topic, "<title>", at);
      const auto [known, is_new] = titles.emplace(number, title);
      if (is_new) table += number + "\t" + title + "\n";
      if (known->second != title)
        Fail(at, "topic " + number + " was there before, with another text");
      at = next;
    }
    if (table.empty())
      throw Error(ErrorCode::kInvalidFormat, name_, "begins as TREC topics but has no <top>");
    return table;
  }

 private:
  // The text behind a tag up to the next tag, on one line.
  std::string Field(std::string_view topic, std::string_view tag, size_t at) const {
    const size_t begin = topic.find(tag);
    if (begin == std::string_view::npos) Fail(at, "a topic without " + std::string(tag));
    std::string_view rest = topic.substr(begin + tag.size());
    rest = rest.substr(0, rest.find('<'));
    std::string out;
    for (const char c : rest) {
      const bool is_blank = c == ' ' || (c >= '\t' && c <= '\r');
      if (!is_blank) {
        out += c;
      } else if (!out.empty() && out.back() != ' ') {
        out += ' ';
      }
    }
    if (out.ends_with(' ')) out.pop_back();
    for (const std::string_view label : {"Number:", "Topic:"}) {
      if (!out.starts_with(label)) continue;
      out.erase(0, label.size());
      if (out.starts_with(' ')) out.erase(0, 1);
    }
    if (out.empty()) Fail(at, "a topic whose " + std::string(tag) + " is empty");
    return out;
  }

  std::string Number(std::string number, size_t at) const {
    if (number.find(' ') != std::string::npos) Fail(at, "the <num> '" + number + "' has blanks");
    const bool is_number = std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
    const size_t zeros = is_number ? std::min(number.find_first_not_of('0'), number.size() - 1) : 0;
    return number.substr(zeros);
  }

  [[noreturn]] void Fail(size_t at, const std::string& message) const {
    const auto line =
        1 + std::count(text_.begin(), text_.begin() + static_cast<ptrdiff_t>(at), '\n');
    throw Error(ErrorCode::kInvalidFormat, name_ + ": line " + std::to_string(line), message);
  }

  std::string_view text_;
  const std::string& name_;
};

// Where the text begins behind blanks and a byte order mark; npos where there is nothing.
size_t FirstOf(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
}

bool IsTrec(std::string_view text) {
  const size_t first = FirstOf(text);
  return first != std::string_view::npos && text[first] == '<';
}

}  // namespace

TextCollection ParseTopics(std::string text, const std::string& name, const IdTable& wanted,
                           const CancelFn& cancel) {
  if (!IsTrec(text)) {
    return TextCollection(std::move(text), name, TopicNames(), wanted, std::nullopt, cancel);
  }
  return TextCollection(TrecTopics(text, name).Table(), name, TopicNames(), wanted,
                        RecordForm::Pairs(TopicNames()), cancel);
}

TextCollection ReadTopics(const std::filesystem::path& path, const IdTable& wanted,
                          const CancelFn& cancel) {
  LineReader lines(path);
  std::string text;
  std::string line;
  while (FirstOf(text) == std::string_view::npos && lines.Next(&line)) text += line + "\n";
  std::error_code error;
  if (!IsTrec(text) && std::filesystem::is_regular_file(path, error))
    return TextCollection(path, TopicNames(), wanted, cancel);
  // What a pipe gave cannot be read again, and a topic of TREC is many lines.
  while (lines.Next(&line)) {
    text += line + "\n";
    if (text.size() > kLargestTopics)
      throw Error(ErrorCode::kInvalidFormat, path.string(), "more than 1 GB of topics");
  }
  return ParseTopics(std::move(text), path.string(), wanted, cancel);
}

std::vector<TextRecord> ReadAllTopics(const std::filesystem::path& path, const CancelFn& cancel) {
  auto source = eval::TextSource::Open(path);
  std::optional<RecordForm> form;
  if (IsTrec(source->text())) {
    source = eval::TextSource::FromString(TrecTopics(source->text(), source->name()).Table(),
                                          source->name());
    form = RecordForm::Pairs(TopicNames());
  }
  const TextRecords records(source, TopicNames(), form, cancel);
  std::vector<TextRecord> topics;
  std::map<std::string, size_t> known;
  for (size_t i = 0; i < records.size(); ++i) {
    TextRecord topic = records.Read(i);
    const auto [first, is_new] = known.emplace(topic.id, topics.size());
    if (is_new) {
      topics.push_back(std::move(topic));
    } else if (topics[first->second].text != topic.text) {
      throw Error(ErrorCode::kInvalidFormat, records.Place(i),
                  "topic '" + topic.id + "' was there before, with another text");
    }
  }
  return topics;
}

}  // namespace dear
