// Runs in TREC's text form. The text is cut into pieces at line ends, each piece is read by one
// thread without an allocation a line, and what belongs to one query is brought together by id.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "base/error.h"
#include "eval/columns.h"
#include "eval/run_parsers.h"

namespace dear::eval {
namespace {

constexpr size_t kPieceBytes = size_t{8} << 20;

// Consecutive lines of one query.
struct Block {
  std::string_view qid;
  size_t begin = 0;
  size_t end = 0;
};

struct Piece {
  const char* begin = nullptr;
  const char* end = nullptr;
  std::vector<RunRow> rows;
  std::vector<Block> blocks;
  std::string_view last_tag;
};

class PieceReader {
 public:
  PieceReader(const TextSource& source, Piece* piece) : source_(source), piece_(*piece) {}

  void Read() {
    // Short lines have some 30 bytes; more rows than that grow the vector once.
    piece_.rows.reserve(static_cast<size_t>(piece_.end - piece_.begin) / 32 + 1);
    for (const char* at = piece_.begin; at < piece_.end;) {
      const char* const line_end = LineEnd(at, piece_.end);
      const char* cursor = at;
      const std::string_view qid = NextColumn(&cursor, line_end);
      if (!qid.empty()) Line(qid, cursor, line_end);
      at = line_end < piece_.end ? line_end + 1 : piece_.end;
    }
    if (!piece_.blocks.empty()) piece_.blocks.back().end = piece_.rows.size();
  }

 private:
  void Line(std::string_view qid, const char* cursor, const char* end) {
    (void)NextColumn(&cursor, end);  // Q0
    const std::string_view docid = NextColumn(&cursor, end);
    (void)NextColumn(&cursor, end);  // rank
    const std::string_view score = NextColumn(&cursor, end);
    const std::string_view tag = NextColumn(&cursor, end);
    if (tag.empty()) Fail(qid, "expected 6 columns: qid Q0 docid rank score tag");
    RunRow row;
    if (docid.size() > std::numeric_limits<uint32_t>::max()) Fail(qid, "the docid is too long");
    row.docid_data = docid.data();
    row.docid_size = static_cast<uint32_t>(docid.size());
    if (!ParseScore(score, &row.score))
      Fail(score, "score '" + Shown(score) + "' is no finite number");
    if (piece_.blocks.empty() || piece_.blocks.back().qid != qid) {
      if (!piece_.blocks.empty()) piece_.blocks.back().end = piece_.rows.size();
      piece_.blocks.push_back({qid, piece_.rows.size(), 0});
    }
    piece_.rows.push_back(row);
    piece_.last_tag = tag;
  }

  [[noreturn]] void Fail(std::string_view at, const std::string& what) const {
    throw Error(ErrorCode::kInvalidFormat, LineContext(source_.name(), source_.text(), at.data()),
                what);
  }

  const TextSource& source_;
  Piece& piece_;
};

std::vector<Piece> Cut(std::string_view text) {
  std::vector<Piece> pieces;
  const char* at = text.data();
  const char* const end = at + text.size();
  if (text.starts_with("\xEF\xBB\xBF")) at += 3;
  while (at < end) {
    Piece piece;
    piece.begin = at;
    const auto left = static_cast<size_t>(end - at);
    piece.end = left <= kPieceBytes ? end : LineEnd(at + kPieceBytes, end);
    at = piece.end < end ? piece.end + 1 : end;
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

}  // namespace

bool ParseScore(std::string_view column, float* score) {
  if (column.starts_with('+')) column.remove_prefix(1);
  double value = 0;
  const auto [rest, error] = std::from_chars(column.data(), column.data() + column.size(), value);
  if (rest != column.data() + column.size() || column.empty()) return false;
  if (error == std::errc::result_out_of_range) {
    // Beyond a double: too large is an infinity, too small is a zero.
    const size_t exponent = column.find_first_of("eE");
    if (exponent == std::string_view::npos || column.substr(exponent + 1, 1) != "-") return false;
    value = column.starts_with('-') ? -0.0 : 0.0;
  } else if (error != std::errc() || !std::isfinite(value)) {
    return false;
  }
  constexpr double kLargest = std::numeric_limits<float>::max();
  if (std::abs(value) > kLargest * (1 + 1e-8)) {
    *score = value > 0 ? std::numeric_limits<float>::infinity()
                       : -std::numeric_limits<float>::infinity();
  } else {
    *score = static_cast<float>(value);
  }
  return true;
}

RunParts ParseTrecRun(const TextSource& source, ThreadPool* pool) {
  RunParts run;
  const std::string_view text = source.text();
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    throw Error(ErrorCode::kInvalidFormat, LineContext(source.name(), text, text.data() + nul),
                "a NUL byte: this is no text");
  }
  std::vector<Piece> pieces = Cut(text);
  const auto read = [&](int64_t i, int) {
    PieceReader(source, &pieces[static_cast<size_t>(i)]).Read();
  };
  if (pool != nullptr && pieces.size() > 1) {
    pool->Run(static_cast<int64_t>(pieces.size()), read);
  } else {
    for (size_t i = 0; i < pieces.size(); ++i) read(static_cast<int64_t>(i), 0);
  }

  struct Part {
    std::string_view qid;
    std::span<const RunRow> rows;
  };
  std::vector<Part> parts;
  for (Piece& piece : pieces) {
    if (!piece.blocks.empty()) run.tag = piece.last_tag;
    run.rows.push_back(std::move(piece.rows));
    const std::span<const RunRow> rows = run.rows.back();
    for (const Block& block : piece.blocks)
      parts.push_back({block.qid, rows.subspan(block.begin, block.end - block.begin)});
  }
  if (!std::ranges::is_sorted(parts, {}, &Part::qid))
    std::ranges::stable_sort(parts, {}, &Part::qid);
  for (const Part& part : parts) {
    if (run.queries.empty() || run.queries.back().qid != part.qid)
      run.queries.push_back({part.qid, {}, nullptr});
    run.queries.back().pieces.push_back(part.rows);
  }
  return run;
}

}  // namespace dear::eval
