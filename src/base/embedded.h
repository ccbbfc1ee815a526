#ifndef DEAR_BASE_EMBEDDED_H_
#define DEAR_BASE_EMBEDDED_H_

#include <span>
#include <string_view>

namespace dear {

// A text file compiled into the library (see cmake/Embed.cmake). Each set NAME is declared by its
// user as `std::span<const EmbeddedFile> EmbeddedFiles_NAME();`.
struct EmbeddedFile {
  std::string_view name;  // file name without folder and suffix
  std::string_view text;
};

}  // namespace dear

#endif  // DEAR_BASE_EMBEDDED_H_
