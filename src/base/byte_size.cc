#include "base/byte_size.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

namespace dear {

std::optional<int64_t> ParseByteSize(std::string_view text) {
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"", 1},         {"B", 1},        {"kB", 1e3},   {"MB", 1e6},
      {"GB", 1e9},     {"TB", 1e12},    {"KiB", 1024}, {"MiB", 1048576.0},
      {"GiB", 0x1p30}, {"TiB", 0x1p40}, {"KB", 1e3}};
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
  for (const auto& [name, factor] : kUnits) {
    const double bytes = value * factor;
    if (unit == name && bytes >= 0 && bytes < 0x1p60) return static_cast<int64_t>(bytes);
  }
  return std::nullopt;
}

}  // namespace dear
