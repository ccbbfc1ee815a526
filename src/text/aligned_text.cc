#include "text/aligned_text.h"

#include <cstddef>
#include <utility>

#include "text/unicode.h"

namespace dear {

AlignedText AlignedText::FromOriginal(std::string_view part, uint32_t begin, bool tracked) {
  AlignedText out;
  out.text = part;
  out.tracked = tracked;
  out.origin = {begin, begin + static_cast<uint32_t>(part.size())};
  if (!tracked) return out;
  out.spans.reserve(part.size());
  for (size_t i = 0; i < part.size();) {
    size_t next = i;
    DecodeUtf8(part, next);
    const Span span{begin + static_cast<uint32_t>(i), begin + static_cast<uint32_t>(next)};
    out.spans.insert(out.spans.end(), next - i, span);
    i = next;
  }
  return out;
}

AlignedText AlignedText::Slice(size_t begin, size_t end) const {
  AlignedText out;
  out.text = text.substr(begin, end - begin);
  out.tracked = tracked;
  if (tracked) {
    out.spans.assign(spans.begin() + static_cast<std::ptrdiff_t>(begin),
                     spans.begin() + static_cast<std::ptrdiff_t>(end));
  }
  out.origin = OriginOf(begin, end);
  return out;
}

Span AlignedText::OriginOf(size_t begin, size_t end) const {
  if (!tracked || begin >= end) {
    return {origin.begin + static_cast<uint32_t>(begin), origin.begin + static_cast<uint32_t>(end)};
  }
  return {spans[begin].begin, spans[end - 1].end};
}

Rewriter::Rewriter(const AlignedText& source) : source_(source) {
  out_.tracked = source.tracked;
  out_.origin = source.origin;
  out_.text.reserve(source.text.size() + 16);
  if (source.tracked) out_.spans.reserve(source.text.size() + 16);
}

void Rewriter::Keep(size_t num_bytes) {
  out_.text.append(source_.text, position_, num_bytes);
  if (source_.tracked) {
    const auto from = source_.spans.begin() + static_cast<std::ptrdiff_t>(position_);
    out_.spans.insert(out_.spans.end(), from, from + static_cast<std::ptrdiff_t>(num_bytes));
  }
  position_ += num_bytes;
}

void Rewriter::Replace(size_t num_bytes, std::string_view text) {
  out_.text.append(text);
  if (source_.tracked) {
    const size_t end = position_ + num_bytes;
    const Span at_start{source_.origin.begin, source_.origin.begin};
    const Span span = end == 0 ? at_start : source_.spans[end - 1];
    out_.spans.insert(out_.spans.end(), text.size(), span);
  }
  position_ += num_bytes;
}

void Rewriter::Insert(std::string_view text) {
  Replace(0, text);
}

AlignedText Rewriter::Finish() && {
  Keep(source_.text.size() - position_);
  return std::move(out_);
}

void PrependText(std::string_view prefix, AlignedText& text) {
  if (text.text.empty()) return;
  text.text.insert(0, prefix);
  if (text.tracked) text.spans.insert(text.spans.begin(), prefix.size(), Span(text.spans.front()));
}

void ReplaceText(std::string_view from, std::string_view to, AlignedText& text) {
  size_t found = text.text.find(from);
  if (found == std::string::npos) return;
  Rewriter rewriter(text);
  for (; found != std::string::npos; found = text.text.find(from, found + from.size())) {
    rewriter.Keep(found - rewriter.position());
    rewriter.Replace(from.size(), to);
  }
  text = std::move(rewriter).Finish();
}

}  // namespace dear
