#ifndef DEAR_KERNELS_CPU_INLINING_H_
#define DEAR_KERNELS_CPU_INLINING_H_

// Loads and stores of a part of a vector. The address sanitizer checks them lane by lane, with a
// branch for each: a copy at every use would make the kernels twenty times as large.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DEAR_PART [[gnu::noinline]] static
#endif
#endif
#ifndef DEAR_PART
#define DEAR_PART static inline
#endif

#endif  // DEAR_KERNELS_CPU_INLINING_H_
