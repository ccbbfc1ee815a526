#ifndef DEAR_BASE_SECONDS_SINCE_H_
#define DEAR_BASE_SECONDS_SINCE_H_

#include <chrono>

namespace dear {

inline double SecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace dear

#endif  // DEAR_BASE_SECONDS_SINCE_H_
