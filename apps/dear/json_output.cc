#include "json_output.h"

#include <cmath>

namespace dear::app {

double RoundSeconds(double seconds) {
  return std::round(seconds * 1e6) / 1e6;
}

}  // namespace dear::app
