#include "terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace dear::app {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? "" : value;
}

bool LocaleIsUtf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value = Environment(name);
    if (value.empty()) continue;
    std::ranges::transform(value, value.begin(), [](unsigned char c) { return std::tolower(c); });
    return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}

// The code point at the front of `text`, which loses it; -1 for one byte that is no UTF-8.
utf8proc_int32_t TakeCodePoint(std::string_view& text) {
  utf8proc_int32_t code_point = -1;
  const utf8proc_ssize_t length =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                       static_cast<utf8proc_ssize_t>(text.size()), &code_point);
  text.remove_prefix(length > 0 ? static_cast<size_t>(length) : 1);
  return length > 0 ? code_point : -1;
}

bool IsControl(utf8proc_int32_t c) {
  // Also the marks that reorder a line (bidirectional embeddings, overrides and isolates).
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029;
}

bool IsBlank(utf8proc_int32_t c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

}  // namespace

Terminal Terminal::Of(int file_descriptor) {
  Terminal terminal;
  terminal.is_terminal = isatty(file_descriptor) == 1;
  terminal.unicode = LocaleIsUtf8();
  terminal.colour =
      terminal.is_terminal && Environment("NO_COLOR").empty() && Environment("TERM") != "dumb";
  winsize size{};
  if (terminal.is_terminal && ioctl(file_descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.columns = size.ws_col;
  } else if (const int columns = std::atoi(Environment("COLUMNS").c_str()); columns > 0) {
    terminal.columns = columns;
  } else if (!terminal.is_terminal) {
    terminal.columns = 100;
  }
  return terminal;
}

std::string Terminal::Styled(std::string_view style, std::string_view text) const {
  if (!colour || text.empty()) return std::string(text);
  return "\x1b[" + std::string(style) + "m" + std::string(text) + "\x1b[0m";
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const utf8proc_int32_t c = TakeCodePoint(text);
    width += c < 0 ? 1 : std::max(0, utf8proc_charwidth(c));
  }
  return width;
}

std::string OneLine(std::string_view text, int columns, bool unicode) {
  const std::string ellipsis = unicode ? "…" : "...";
  const int ellipsis_width = unicode ? 1 : 3;
  std::string out;
  int width = 0;
  size_t fits = 0;  // bytes of `out` that leave room for the ellipsis
  bool blank = false;
  while (!text.empty()) {
    const std::string_view before = text;
    const utf8proc_int32_t c = TakeCodePoint(text);
    if (IsBlank(c)) {
      blank = !out.empty();
      continue;
    }
    std::string_view shown = before.substr(0, before.size() - text.size());
    if (c < 0 || IsControl(c)) shown = unicode ? "\xef\xbf\xbd" : "?";
    const int char_width =
        (c < 0 || IsControl(c) ? 1 : std::max(0, utf8proc_charwidth(c))) + (blank ? 1 : 0);
    if (width + char_width > columns) return out.substr(0, fits) + ellipsis;
    if (blank) out += ' ';
    blank = false;
    out += shown;
    width += char_width;
    if (width + ellipsis_width <= columns) fits = out.size();
  }
  return out;
}

std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view before = text;
    const utf8proc_int32_t c = TakeCodePoint(text);
    const bool shows = c == '\n' || c == '\t' || (c >= 0 && !IsControl(c));
    out += shows ? before.substr(0, before.size() - text.size()) : "\xef\xbf\xbd";
  }
  return out;
}

std::string PadLeft(std::string text, int columns) {
  const int width = DisplayWidth(text);
  if (width < columns) text.insert(0, static_cast<size_t>(columns - width), ' ');
  return text;
}

std::string PadRight(std::string text, int columns) {
  const int width = DisplayWidth(text);
  if (width < columns) text.append(static_cast<size_t>(columns - width), ' ');
  return text;
}

std::string HumanBytes(unsigned long long bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s", value,
                kUnits[unit]);
  return text;
}

std::string Columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<int> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i)
      out += i + 1 < row.size() ? PadRight(row[i], widths[i] + 2) : row[i];
    out += '\n';
  }
  return out;
}

}  // namespace dear::app
