#include "search/text_key.h"

#include <utf8proc.h>

#include <string>

#include "text/hash.h"
#include "text/python_text.h"
#include "text/unicode.h"

namespace dear {

uint64_t TextKey(std::string_view text) {
  std::string storage;
  text = ValidUtf8(text, storage);
  std::string plain;
  plain.reserve(text.size());
  bool space = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = DecodeUtf8(text, at);
    if (IsPythonSpace(c)) {
      space = true;
      continue;
    }
    if (space && !plain.empty()) plain += ' ';
    space = false;
    AppendUtf8(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))), plain);
  }
  return HashBytes(plain);
}

}  // namespace dear
