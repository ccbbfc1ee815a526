#include "rank/placeholders.h"

#include <algorithm>

namespace dear {
namespace {

// The name in braces at text[at] == '{', or empty where there is none.
std::string_view NameAt(std::string_view text, size_t at) {
  size_t end = at + 1;
  while (end < text.size() && ((text[end] >= 'a' && text[end] <= 'z') || text[end] == '_')) ++end;
  if (end >= text.size() || text[end] != '}') return {};
  return text.substr(at + 1, end - at - 1);
}

}  // namespace

std::string Fill(std::string_view text, const Values& values) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t open = std::min(text.find('{', at), text.size());
    out.append(text.substr(at, open - at));
    at = open;
    if (at == text.size()) break;
    const std::string_view name = NameAt(text, at);
    const auto found =
        std::ranges::find(values, name, [](const auto& value) { return value.first; });
    if (name.empty() || found == values.end()) {
      out.push_back(text[at++]);
    } else {
      out.append(found->second);
      at += name.size() + 2;
    }
  }
  return out;
}

std::vector<std::string> PlaceholdersIn(std::string_view text) {
  std::vector<std::string> out;
  for (size_t at = text.find('{'); at < text.size(); at = text.find('{', at + 1)) {
    const std::string_view name = NameAt(text, at);
    if (!name.empty()) out.emplace_back(name);
  }
  return out;
}

bool HoldsPlaceholder(std::string_view text, std::initializer_list<std::string_view> names) {
  return std::ranges::any_of(PlaceholdersIn(text), [&](const std::string& name) {
    return std::ranges::find(names, name) != names.end();
  });
}

}  // namespace dear
