#ifndef DEAR_API_JSON_ID_H_
#define DEAR_API_JSON_ID_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"

namespace dear {

// The id under a key of an object: a string, or a whole number, as both are in the wild; empty
// where the field is not there. Throws kInvalidFormat for any other type.
std::string JsonId(const Json& object, const char* key, const std::string& context);

// The same for the first of `keys` that gives an id, on a text that is one JSON object, without
// looking at more of it than needs be and without building anything: a corpus has millions of
// objects, of which few are asked for. Nothing where this quick look is not enough, that is, where
// no key is there, something is escaped or of another type, or the text is no JSON: a whole parse
// tells then. What it gives of a valid object without repeated keys is what a whole parse gives.
std::optional<std::string_view> PeekJsonId(std::string_view object,
                                           std::span<const char* const> keys);

}  // namespace dear

#endif  // DEAR_API_JSON_ID_H_
