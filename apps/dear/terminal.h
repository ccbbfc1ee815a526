#ifndef DEAR_APPS_DEAR_TERMINAL_H_
#define DEAR_APPS_DEAR_TERMINAL_H_

#include <string>
#include <string_view>
#include <vector>

namespace dear::app {

// Where text goes to, and what it can show there.
struct Terminal {
  bool is_terminal = false;
  bool colour = false;   // a terminal, NO_COLOR unset or empty, TERM not "dumb"
  bool unicode = false;  // the locale's encoding is UTF-8
  int columns = 80;

  static Terminal Of(int file_descriptor);

  // `text` in an ANSI style ("1" bold, "2" dim, "32" green), or as it is without colour.
  std::string Styled(std::string_view style, std::string_view text) const;
};

// Columns that a text takes: wide characters two, combining marks none.
int DisplayWidth(std::string_view text);

// The text on one line, cut to `columns` with an ellipsis. Runs of white space become one blank,
// control characters and bytes that are no UTF-8 become U+FFFD: a passage cannot drive the
// terminal.
std::string OneLine(std::string_view text, int columns, bool unicode);

// The text with its line breaks and tabs; other control characters, and bytes that are no UTF-8,
// become U+FFFD: what a model writes cannot drive the terminal either.
std::string Printable(std::string_view text);

std::string PadLeft(std::string text, int columns);
std::string PadRight(std::string text, int columns);

// Bytes as people read them: "98.4 MB".
std::string HumanBytes(unsigned long long bytes);

// Plain aligned columns: each row's cells under the header's, the last column unpadded.
std::string Columns(const std::vector<std::vector<std::string>>& rows);

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_TERMINAL_H_
