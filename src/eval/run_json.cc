// Runs as JSON: our own result lines, RankLLM's and RankGPT's objects, one after another or in a
// list. Each object is parsed alone, so memory does not grow with the passages' texts.
#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "eval/columns.h"
#include "eval/run_parsers.h"

namespace dear::eval {
namespace {

// The values of a text of JSON lines or of one list, as texts.
class JsonValues {
 public:
  explicit JsonValues(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {
    if (text.starts_with("\xEF\xBB\xBF")) at_ += 3;
    SkipBlanks();
    if (at_ < end_ && *at_ == '[') {
      in_list_ = true;
      ++at_;
    }
  }

  // Empty at the end. A value that is no object is given up to the end of its line: the parser of
  // JSON then says what is wrong with it.
  std::string_view Next() {
    SkipBlanks();
    if (in_list_) {
      if (at_ < end_ && *at_ == ',' && !first_) ++at_;
      SkipBlanks();
      if (at_ < end_ && *at_ == ']') {
        at_ = end_;  // what follows a list is not read
        in_list_ = false;
        return {};
      }
    }
    first_ = false;
    const char* const begin = at_;
    at_ = at_ < end_ && *at_ == '{' ? ObjectEnd(at_) : LineEnd(at_, end_);
    return {begin, static_cast<size_t>(at_ - begin)};
  }

  // At the end: whether a list was begun and not closed.
  bool cut_off() const { return in_list_; }

 private:
  void SkipBlanks() {
    while (at_ < end_ && IsBlank(*at_)) ++at_;
  }

  const char* ObjectEnd(const char* p) const {
    int64_t depth = 0;
    for (; p < end_; ++p) {
      if (*p == '"') {
        for (++p; p < end_ && *p != '"'; ++p) {
          if (*p == '\\' && p + 1 < end_) ++p;
        }
        if (p == end_) break;
      } else if (*p == '{' || *p == '[') {
        ++depth;
      } else if ((*p == '}' || *p == ']') && --depth == 0) {
        return p + 1;
      }
    }
    return end_;
  }

  const char* at_;
  const char* end_;
  bool in_list_ = false;
  bool first_ = true;
};

class Reader {
 public:
  explicit Reader(const TextSource& source) : source_(source) {}

  RunParts Read() {
    JsonValues values(source_.text());
    for (std::string_view value = values.Next(); !value.empty(); value = values.Next()) {
      const std::string where = Where(value.data());
      Object(ParseJson(value, where), where);
    }
    if (values.cut_off())
      throw Error(ErrorCode::kInvalidFormat, source_.name(), "the list ends before its ']'");
    if (run_.queries.empty())
      throw Error(ErrorCode::kInvalidFormat, source_.name(), "is empty: a run without queries");
    std::ranges::sort(run_.queries, {}, &RunQuery::qid);
    const auto twice =
        std::ranges::adjacent_find(run_.queries, std::ranges::equal_to{}, &RunQuery::qid);
    if (twice != run_.queries.end()) {
      throw Error(ErrorCode::kInvalidFormat, source_.name(),
                  "query '" + Shown(twice->qid) + "' has two rankings");
    }
    return std::move(run_);
  }

 private:
  // Errors may be slow, but lines are counted for each object: go on from the last one.
  std::string Where(const char* at) {
    line_ += std::count(counted_, at, '\n');
    counted_ = at;
    return source_.name() + ":" + std::to_string(line_);
  }

  void Object(const Json& object, const std::string& where) {
    const JsonFields fields(object, where);
    const char* key = "results";
    if (!fields.Has(key)) key = fields.Has("candidates") ? "candidates" : "hits";
    const Json* list = fields.Find(key);
    if (list == nullptr || !list->is_array()) {
      throw Error(ErrorCode::kInvalidFormat, where,
                  "no list 'results', 'candidates' or 'hits': not a ranking");
    }
    std::string qid = IdOf(object, "qid", where);
    if (const Json* query = fields.Find("query"); qid.empty() && query && query->is_object())
      qid = IdOf(*query, "qid", where + ": query");
    std::vector<RunRow> rows;
    rows.reserve(list->size());
    for (const Json& hit : *list) {
      const std::string place = where + ": " + key + "[" + std::to_string(rows.size()) + "]";
      if (!hit.is_object()) throw Error(ErrorCode::kInvalidFormat, place, "must be an object");
      if (qid.empty()) qid = IdOf(hit, "qid", place);
      const std::string docid = IdOf(hit, "docid", place);
      if (docid.empty()) throw Error(ErrorCode::kInvalidFormat, place, "field 'docid' is missing");
      const std::string_view kept = Keep(docid);
      // The first of the list is the best.
      rows.push_back(
          {kept.data(), static_cast<uint32_t>(kept.size()), -static_cast<float>(rows.size())});
    }
    if (qid.empty()) throw Error(ErrorCode::kInvalidFormat, where, "field 'qid' is missing");
    if (rows.size() >= (size_t{1} << 24))
      throw Error(ErrorCode::kUnsupported, where, "a ranking of more than 16 million documents");
    run_.rows.push_back(std::move(rows));
    RunQuery query{Keep(qid), {run_.rows.back()}, Facts(fields)};
    // A query without documents is one that retrieved nothing.
    if (!run_.rows.back().empty()) run_.queries.push_back(std::move(query));
    if (const Json* model = fields.Find("model"); model != nullptr && model->is_string())
      run_.tag = model->get<std::string>();
  }

  const QueryFacts* Facts(const JsonFields& fields) {
    QueryFacts facts;
    if (const Json* repair = fields.Find("repair"); repair != nullptr && repair->is_string())
      facts.repair = repair->get<std::string>();
    if (const Json* seconds = fields.Find("seconds"); seconds != nullptr && seconds->is_object())
      facts.seconds = JsonFields(*seconds, fields.context() + ": seconds").Number("total");
    if (facts.repair.empty() && !facts.seconds) return nullptr;
    run_.facts.push_back(std::make_unique<QueryFacts>(std::move(facts)));
    return run_.facts.back().get();
  }

  // Ids are strings or whole numbers in the wild; empty where the field is not there.
  static std::string IdOf(const Json& object, const char* key, const std::string& where) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return "";
    if (found->is_string()) return found->get<std::string>();
    if (found->is_number_integer()) return found->dump();
    throw Error(ErrorCode::kInvalidFormat, where,
                std::string("field '") + key + "' must be a string or a whole number");
  }

  std::string_view Keep(std::string name) {
    run_.names.push_back(std::make_unique<std::string>(std::move(name)));
    return *run_.names.back();
  }

  const TextSource& source_;
  const char* counted_ = source_.text().data();
  int64_t line_ = 1;
  RunParts run_;
};

}  // namespace

RunParts ParseJsonRun(const TextSource& source) {
  return Reader(source).Read();
}

}  // namespace dear::eval
