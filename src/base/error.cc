#include "base/error.h"

#include <utility>

namespace dear {
namespace {

// One line, whatever names from a file stand in it.
std::string Join(const std::string& context, const std::string& message) {
  std::string line = context.empty() ? message : context + ": " + message;
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}

}  // namespace

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "invalid_argument";
    case ErrorCode::kInvalidFormat: return "invalid_format";
    case ErrorCode::kNotFound: return "not_found";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kOutOfMemory: return "out_of_memory";
    case ErrorCode::kCancelled: return "cancelled";
    case ErrorCode::kInternal: return "internal";
  }
  return "unknown";
}

Error::Error(ErrorCode code, std::string context, std::string message)
    : std::runtime_error(Join(context, message)),
      code_(code),
      context_(std::move(context)),
      message_(std::move(message)) {}

Error Error::Within(std::string_view outer) const {
  std::string context(outer);
  if (!context_.empty()) context += ": " + context_;
  return Error(code_, std::move(context), message_);
}

}  // namespace dear
