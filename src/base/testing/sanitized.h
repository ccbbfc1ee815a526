#ifndef DEAR_BASE_TESTING_SANITIZED_H_
#define DEAR_BASE_TESTING_SANITIZED_H_

namespace dear::testing {

// Whether this build watches memory or threads, which takes ten times as long and finds nothing
// more in the hundredth seed of a property than in the tenth: such a build tries a part of them.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

// As many trials of a property as such a build makes of the `n` of another.
constexpr int Trials(int n) {
  return kSanitized ? (n + 9) / 10 : n;
}

}  // namespace dear::testing

#endif  // DEAR_BASE_TESTING_SANITIZED_H_
