#include "eval/columns.h"

#include <algorithm>

namespace dear::eval {

std::string LineContext(const std::string& name, std::string_view text, const char* at) {
  const auto line = 1 + std::count(text.data(), at, '\n');
  return name + ":" + std::to_string(line);
}

std::string Shown(std::string_view column) {
  constexpr size_t kMost = 60;
  std::string out(column.substr(0, kMost));
  std::ranges::replace_if(
      out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return column.size() > kMost ? out + "..." : out;
}

}  // namespace dear::eval
