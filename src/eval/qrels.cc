#include "eval/qrels.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "base/error.h"

namespace dear::eval {
namespace {

struct JudgmentLine {
  std::string_view qid;
  Judgement judgement;
};

// Reads the lines of one text; knows the form of a line.
class Parser {
 public:
  explicit Parser(const TextSource& source) : source_(source) {}

  std::vector<JudgmentLine> Lines() {
    const std::string_view text = source_.text();
    if (const size_t nul = text.find('\0'); nul != std::string_view::npos)
      Fail(text.data() + nul, "a NUL byte: this is no text");
    const char* at = text.data();
    const char* const end = at + text.size();
    if (text.starts_with("\xEF\xBB\xBF")) at += 3;  // the mark that some editors put first
    std::vector<JudgmentLine> lines;
    bool first = true;
    while (at < end) {
      const char* const line_end = LineEnd(at, end);
      const char* cursor = at;
      const std::string_view qid = NextColumn(&cursor, line_end);
      if (!qid.empty()) {
        if (first && IsBeirHeader(qid, cursor, line_end)) {
          beir_ = true;
        } else {
          lines.push_back(ParseLine(qid, cursor, line_end));
        }
        first = false;
      }
      at = line_end < end ? line_end + 1 : end;
    }
    if (lines.empty())
      throw Error(ErrorCode::kInvalidFormat, source_.name(), "holds no relevance judgements");
    return lines;
  }

 private:
  static bool IsBeirHeader(std::string_view first, const char* cursor, const char* end) {
    return first == "query-id" && NextColumn(&cursor, end) == "corpus-id" &&
           NextColumn(&cursor, end) == "score";
  }

  JudgmentLine ParseLine(std::string_view qid, const char* cursor, const char* end) const {
    JudgmentLine line;
    line.qid = qid;
    if (!beir_) (void)NextColumn(&cursor, end);  // the iteration, which nobody uses
    line.judgement.docid = NextColumn(&cursor, end);
    const std::string_view relevance = NextColumn(&cursor, end);
    if (relevance.empty() || !NextColumn(&cursor, end).empty()) {
      Fail(qid.data(), beir_ ? "expected 3 columns: query-id corpus-id score"
                             : "expected 4 columns: qid iteration docid relevance");
    }
    line.judgement.relevance = ParseRelevance(relevance);
    return line;
  }

  int32_t ParseRelevance(std::string_view column) const {
    std::string_view digits = column;
    if (digits.starts_with('+')) digits.remove_prefix(1);
    // "1.0" is what table software makes of 1; a fraction has no meaning here.
    if (const size_t dot = digits.find('.');
        dot != std::string_view::npos && dot > 0 &&
        digits.find_first_not_of('0', dot + 1) == std::string_view::npos) {
      digits = digits.substr(0, dot);
    }
    int32_t value = 0;
    const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error == std::errc::invalid_argument || rest != digits.data() + digits.size())
      Fail(column.data(), "relevance '" + Shown(column) + "' is no integer");
    if (error != std::errc() || value > Qrels::kMaxRelevance) {
      Fail(column.data(),
           "relevance " + Shown(column) + " is above " + std::to_string(Qrels::kMaxRelevance));
    }
    return value;
  }

  [[noreturn]] void Fail(const char* at, const std::string& what) const {
    throw Error(ErrorCode::kInvalidFormat, LineContext(source_.name(), source_.text(), at), what);
  }

  const TextSource& source_;
  bool beir_ = false;
};

size_t TableSize(size_t entries) {
  size_t size = 4;
  while (size < entries * 2) size *= 2;
  return size;
}

}  // namespace

Topic::Topic(std::string_view qid, std::vector<Judgement> judgements)
    : qid_(qid), judgements_(std::move(judgements)), slots_(TableSize(judgements_.size())) {
  const size_t mask = slots_.size() - 1;
  int32_t highest = -1;
  for (size_t i = 0; i < judgements_.size(); ++i) {
    const Judgement& judgement = judgements_[i];
    highest = std::max(highest, judgement.relevance);
    size_t slot = HashId(judgement.docid) & mask;
    while (slots_[slot] != 0 && judgements_[slots_[slot] - 1].docid != judgement.docid)
      slot = (slot + 1) & mask;
    if (slots_[slot] != 0) {
      if (!duplicate_) duplicate_ = judgement.docid;
      continue;
    }
    slots_[slot] = static_cast<uint32_t>(i + 1);
  }
  level_counts_.resize(static_cast<size_t>(int64_t{highest} + 1));
  for (const Judgement& judgement : judgements_) {
    if (judgement.relevance >= 0) ++level_counts_[static_cast<size_t>(judgement.relevance)];
  }
}

const Judgement* Topic::Find(std::string_view docid, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  for (size_t slot = hash & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
    const Judgement& judgement = judgements_[slots_[slot] - 1];
    if (judgement.docid == docid) return &judgement;
  }
  return nullptr;
}

Qrels Qrels::Read(const std::filesystem::path& path) {
  return Parse(TextSource::Open(path));
}

Qrels Qrels::Parse(std::shared_ptr<const TextSource> source) {
  Qrels qrels;
  qrels.source_ = std::move(source);
  std::vector<JudgmentLine> lines = Parser(*qrels.source_).Lines();
  const auto by_qid = [](const JudgmentLine& a, const JudgmentLine& b) { return a.qid < b.qid; };
  if (!std::ranges::is_sorted(lines, by_qid)) std::ranges::stable_sort(lines, by_qid);
  for (size_t begin = 0; begin < lines.size();) {
    size_t end = begin;
    std::vector<Judgement> judgements;
    while (end < lines.size() && lines[end].qid == lines[begin].qid)
      judgements.push_back(lines[end++].judgement);
    qrels.topics_.emplace_back(lines[begin].qid, std::move(judgements));
    begin = end;
  }
  return qrels;
}

const Topic* Qrels::Find(std::string_view qid) const {
  const auto found = std::ranges::lower_bound(topics_, qid, {}, &Topic::qid);
  return found != topics_.end() && found->qid() == qid ? &*found : nullptr;
}

}  // namespace dear::eval
