#ifndef DEAR_TRAIN_ROW_FIELDS_H_
#define DEAR_TRAIN_ROW_FIELDS_H_

#include <string>

#include "base/error.h"
#include "base/json.h"

namespace dear {

// What drops a row of training data: caught where the row is read, where it becomes the reason.
[[noreturn]] inline void DropRow(const std::string& what, const std::string& why) {
  throw Error(ErrorCode::kInvalidFormat, what, why);
}

[[noreturn]] inline void DropRowOfType(const std::string& what, const char* expected,
                                       const Json& found) {
  DropRow(what, std::string("expected ") + expected + ", found " + found.type_name());
}

// The text of a field, or the row is dropped.
inline std::string RowText(const Json& value, const std::string& what) {
  if (!value.is_string()) DropRowOfType(what, "a text", value);
  return value.get<std::string>();
}

}  // namespace dear

#endif  // DEAR_TRAIN_ROW_FIELDS_H_
