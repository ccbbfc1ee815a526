#ifndef DEAR_TEXT_NESTING_H_
#define DEAR_TEXT_NESTING_H_

namespace dear {

// How deep the parts of a tokenizer.json (normalizers, pre-tokenizers, post-processors, decoders)
// may stand in one another.
inline constexpr int kMostNestedParts = 16;

}  // namespace dear

#endif  // DEAR_TEXT_NESTING_H_
