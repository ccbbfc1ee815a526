#ifndef DEAR_GENERATE_STOP_STRINGS_H_
#define DEAR_GENERATE_STOP_STRINGS_H_

#include <string>
#include <string_view>
#include <vector>

namespace dear {

// Looks for stop strings in text that comes in pieces, and holds back what may yet become one.
class StopStrings {
 public:
  // Empty strings are ignored.
  explicit StopStrings(std::vector<std::string> strings);

  // Takes the next piece; returns the text that is now final. Once a stop string is complete,
  // found() is true, the text before the earliest one has been returned, and the rest is dropped.
  std::string Add(std::string_view piece);
  // The text still held back, when no more is to come.
  std::string Finish();
  bool found() const { return found_; }

 private:
  std::vector<std::string> strings_;
  std::string held_;
  bool found_ = false;
};

}  // namespace dear

#endif  // DEAR_GENERATE_STOP_STRINGS_H_
