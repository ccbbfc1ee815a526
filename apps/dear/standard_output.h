#ifndef DEAR_APPS_DEAR_STANDARD_OUTPUT_H_
#define DEAR_APPS_DEAR_STANDARD_OUTPUT_H_

#include <string>
#include <string_view>

namespace dear::app {

// Results go here. Buffered; a write that fails (a full disk, a reader that went away) throws
// Error kIo instead of being lost.
void Print(std::string_view text);
void FlushPrint();

// A note on standard error, one line, unless --quiet.
void Note(bool quiet, const std::string& line);

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_STANDARD_OUTPUT_H_
