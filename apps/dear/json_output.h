#ifndef DEAR_APPS_DEAR_JSON_OUTPUT_H_
#define DEAR_APPS_DEAR_JSON_OUTPUT_H_

#include <string>

#include "base/json.h"

namespace dear::app {

// JSON as text, on one line where `indent` is negative; bytes that are no UTF-8 become U+FFFD.
template <typename AnyJson>
std::string Dump(const AnyJson& json, int indent = -1) {
  return json.dump(indent, ' ', /*ensure_ascii=*/false, AnyJson::error_handler_t::replace);
}

// Seconds to the microsecond.
double RoundSeconds(double seconds);

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_JSON_OUTPUT_H_
