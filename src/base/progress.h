#ifndef DEAR_BASE_PROGRESS_H_
#define DEAR_BASE_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <string_view>

namespace dear {

// Long work reports here: `done` of `total` units of `what`. Called from the working thread, often;
// the receiver decides what to draw. An empty function is allowed.
using ProgressFn = std::function<void(std::string_view what, int64_t done, int64_t total)>;

// Long work asks this between steps and throws Error kCancelled where it returns true.
using CancelFn = std::function<bool()>;

}  // namespace dear

#endif  // DEAR_BASE_PROGRESS_H_
