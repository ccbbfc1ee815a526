#include "json_output.h"

#include <charconv>
#include <cmath>

namespace dear::app {

OrderedJson ShortFloat(float value) {
  if (!std::isfinite(value)) return nullptr;
  char digits[32];
  const char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  double shortest = 0;
  std::from_chars(digits, end, shortest);
  return shortest;
}

double RoundSeconds(double seconds) {
  return std::round(seconds * 1e6) / 1e6;
}

}  // namespace dear::app
