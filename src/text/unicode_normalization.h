#ifndef DEAR_TEXT_UNICODE_NORMALIZATION_H_
#define DEAR_TEXT_UNICODE_NORMALIZATION_H_

#include "text/aligned_text.h"

namespace dear {

enum class NormalizationForm { kNfc, kNfd, kNfkc, kNfkd };

// The four forms of Unicode Standard Annex 15, with spans.
void NormalizeUnicode(NormalizationForm form, AlignedText& text);
// Each character on its own, so that a final sigma is not special.
void LowercaseText(AlignedText& text);
// Removes combining marks (general category M).
void RemoveMarks(AlignedText& text);

}  // namespace dear

#endif  // DEAR_TEXT_UNICODE_NORMALIZATION_H_
