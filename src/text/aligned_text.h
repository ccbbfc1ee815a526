#ifndef DEAR_TEXT_ALIGNED_TEXT_H_
#define DEAR_TEXT_ALIGNED_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dear {

// Bytes [begin, end) of the original text.
struct Span {
  uint32_t begin = 0;
  uint32_t end = 0;
};

// A text on its way through normalisers and pre-tokenisers. Where offsets are wanted, every byte
// knows the bytes of the original text that it stands for; else `spans` is empty.
struct AlignedText {
  std::string text;
  std::vector<Span> spans;  // [text.size()], or empty
  bool tracked = false;
  Span origin;  // what the whole text was cut from

  // `original` is the text that offsets refer to, `begin` where `part` stands in it.
  static AlignedText FromOriginal(std::string_view part, uint32_t begin, bool tracked);
  AlignedText Slice(size_t begin, size_t end) const;
  // The bytes of the original text under [begin, end); an empty range gives itself.
  Span OriginOf(size_t begin, size_t end) const;
};

// Rewrites an AlignedText from left to right; the rules of alignment are those of tokenizers'
// NormalizedString: a character that replaces another has its span, an inserted one the span of
// the old byte before it.
class Rewriter {
 public:
  explicit Rewriter(const AlignedText& source);

  size_t position() const { return position_; }  // next byte of the source
  void Keep(size_t num_bytes);
  void Drop(size_t num_bytes) { position_ += num_bytes; }
  // Consumes `num_bytes` of the source; all of `text` gets the span of the last of them.
  void Replace(size_t num_bytes, std::string_view text);
  // Consumes nothing; `text` gets the span of the byte before the position.
  void Insert(std::string_view text);
  AlignedText Finish() &&;  // what is left of the source is kept

 private:
  const AlignedText& source_;
  AlignedText out_;
  size_t position_ = 0;
};

// Puts `prefix` before a text that is not empty; it gets the span of the first character.
void PrependText(std::string_view prefix, AlignedText& text);
// Every `from` (not empty) becomes `to`.
void ReplaceText(std::string_view from, std::string_view to, AlignedText& text);

}  // namespace dear

#endif  // DEAR_TEXT_ALIGNED_TEXT_H_
