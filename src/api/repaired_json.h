#ifndef DEAR_API_REPAIRED_JSON_H_
#define DEAR_API_REPAIRED_JSON_H_

#include <string>
#include <string_view>

#include "base/json.h"

namespace dear {

// JSON that others wrote, whose strings need not be text: bytes that are no UTF-8, and the halves
// of surrogate pairs that Python's json.dumps writes as escapes, become U+FFFD. Throws
// kInvalidFormat for what is no JSON even so.
Json ParseRepairedJson(std::string_view text, const std::string& context);

}  // namespace dear

#endif  // DEAR_API_REPAIRED_JSON_H_
