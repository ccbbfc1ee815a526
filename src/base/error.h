#ifndef DEAR_BASE_ERROR_H_
#define DEAR_BASE_ERROR_H_

#include <stdexcept>
#include <string>
#include <string_view>

namespace dear {

enum class ErrorCode {
  kInvalidArgument,  // what the caller asked for makes no sense
  kInvalidFormat,    // a file or a text breaks the rules of its format
  kNotFound,         // a file, tensor, adapter or name that should be there is not
  kUnsupported,      // a valid thing that this program does not do; named, never skipped
  kIo,               // the operating system refused
  kOutOfMemory,
  kCancelled,
  kInternal,  // a bug of ours
};

std::string_view ErrorCodeName(ErrorCode code);

// The one exception type of the project. `context` names the place (file, tensor, field, line),
// `message` says what is wrong and what was expected. what() is "context: message".
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, std::string context, std::string message);

  ErrorCode code() const { return code_; }
  const std::string& context() const { return context_; }
  const std::string& message() const { return message_; }

  // The same error seen from further out: `outer` is put before the context.
  Error Within(std::string_view outer) const;

 private:
  ErrorCode code_;
  std::string context_;
  std::string message_;
};

}  // namespace dear

#endif  // DEAR_BASE_ERROR_H_
