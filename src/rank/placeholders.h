#ifndef DEAR_RANK_PLACEHOLDERS_H_
#define DEAR_RANK_PLACEHOLDERS_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dear {

using Values = std::vector<std::pair<std::string_view, std::string_view>>;

// `text` with each {name} replaced by its value, in one pass: what a value contains is never
// expanded. Braces around anything else stay as they are.
std::string Fill(std::string_view text, const Values& values);

// Names in braces ("{query}") that look like a placeholder: lower-case letters and underscores.
std::vector<std::string> PlaceholdersIn(std::string_view text);
// Whether any of these is there.
bool HoldsPlaceholder(std::string_view text, std::initializer_list<std::string_view> names);

}  // namespace dear

#endif  // DEAR_RANK_PLACEHOLDERS_H_
