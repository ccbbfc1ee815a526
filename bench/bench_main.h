#ifndef DEAR_BENCH_BENCH_MAIN_H_
#define DEAR_BENCH_BENCH_MAIN_H_

#include <cstdio>
#include <exception>

namespace dear {

// The main() of a benchmark: what `run` throws becomes one line on standard error and exit code 1.
inline int BenchMain(const char* name, int (*run)(int, char**), int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: error: %s\n", name, error.what());
    return 1;
  }
}

}  // namespace dear

#endif  // DEAR_BENCH_BENCH_MAIN_H_
