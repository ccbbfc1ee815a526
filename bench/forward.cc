// forward_bench MODEL [REPEATS]: prefill and decode tokens a second of one model in reference
// compute, beside the machine's own floor: 2 FLOP a weight and token at the rate of fused
// multiply-adds on registers alone, on as many threads. Prints one JSON object. The prompt is the
// same numbers every time, and every run must give the same token, or no figure is printed.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "kernels/backend.h"
#include "model/session.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace dear {
namespace {

double Seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// FLOP of a loop of independent multiply-adds in registers; 0 where this machine has none such.
#if defined(__x86_64__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"  // inside g++ 12's own intrinsics
__attribute__((target("avx512f,fma"))) double SpinAvx512(int64_t rounds) {
  __m512 sums[16];
  for (auto& sum : sums) sum = _mm512_setzero_ps();
  const __m512 a = _mm512_set1_ps(1e-9F);
  for (int64_t i = 0; i < rounds; ++i) {
    for (auto& sum : sums) sum = _mm512_fmadd_ps(a, a, sum);
  }
  volatile float keep = 0;
  for (auto& sum : sums) keep = keep + _mm_cvtss_f32(_mm512_castps512_ps128(sum));
  return static_cast<double>(rounds) * 16 * 16 * 2;
}

#pragma GCC diagnostic pop

__attribute__((target("avx2,fma"))) double SpinAvx2(int64_t rounds) {
  __m256 sums[12];
  for (auto& sum : sums) sum = _mm256_setzero_ps();
  const __m256 a = _mm256_set1_ps(1e-9F);
  for (int64_t i = 0; i < rounds; ++i) {
    for (auto& sum : sums) sum = _mm256_fmadd_ps(a, a, sum);
  }
  volatile float keep = 0;
  for (auto& sum : sums) keep = keep + _mm_cvtss_f32(_mm256_castps256_ps128(sum));
  return static_cast<double>(rounds) * 12 * 8 * 2;
}

double Spin(int64_t rounds) {
  if (__builtin_cpu_supports("avx512f") != 0) return SpinAvx512(rounds);
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) {
    return SpinAvx2(rounds);
  }
  return 0;
}
#else
double Spin(int64_t) {
  return 0;
}
#endif

double PeakFlops(ThreadPool& pool) {
  double best = 0;
  for (int run = 0; run < 5; ++run) {
    const int64_t tasks = pool.num_threads();
    double flop = 0;
    const double seconds = Seconds([&] {
      pool.Run(tasks, [&](int64_t task, int) {
        const double done = Spin(int64_t{1} << 23);
        if (task == 0) flop = done * static_cast<double>(tasks);
      });
    });
    best = std::max(best, flop / seconds);
  }
  return best;
}

int64_t WeightsPerToken(const Model& model) {
  int64_t weights = 0;
  model.ForEachLinear([&](const Linear& linear) {
    const bool looked_up = linear.id == model.embedding().id || linear.id == model.head().id;
    if (linear.weight && !looked_up) weights += linear.weight->rows() * linear.weight->cols();
  });
  return weights;
}

int Main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: forward_bench MODEL [REPEATS]\n");
    return 2;
  }
  const int repeats = argc > 2 ? std::max(1, std::atoi(argv[2])) : 5;
  const auto pool = std::make_shared<ThreadPool>();
  std::shared_ptr<const Model> model;
  const double load = Seconds([&] { model = Model::Load(OpenCheckpoint(argv[1])); });
  const double peak = PeakFlops(*pool);
  const auto weights = static_cast<double>(WeightsPerToken(*model));
  Json results = Json::array();
  int32_t first_token = -1;
  for (const int64_t tokens : {int64_t{200}, int64_t{512}, int64_t{1}}) {
    const bool decode = tokens == 1;
    const int64_t prompt = decode ? 200 : tokens;
    const int64_t timed = decode ? 32 : tokens;
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < prompt; ++i) {
      ids.push_back(static_cast<int32_t>((i * 7919 + 13) % model->config().vocab_size));
    }
    std::vector<double> rates;
    for (int run = 0; run <= repeats; ++run) {  // the first one warms up
      Session session(model, pool);
      Step step{.sequence = session.Add(), .tokens = ids, .logits_from = ids.size() - 1};
      HeadOutputs outputs;
      double seconds = Seconds([&] { outputs = session.Forward({&step, 1}); });
      const auto best = std::max_element(outputs.values.begin(), outputs.values.end());
      auto token = static_cast<int32_t>(best - outputs.values.begin());
      if (prompt == 200) {
        if (first_token < 0) first_token = token;
        if (token != first_token) throw Error(ErrorCode::kInternal, "bench", "runs differ");
      }
      if (decode) {
        seconds = Seconds([&] {
          for (int64_t i = 0; i < timed; ++i) {
            const Step next{.sequence = step.sequence, .tokens = {&token, 1}, .logits_from = 0};
            const auto logits = session.Forward({&next, 1}).values;
            token = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) -
                                         logits.begin());
          }
        });
      }
      if (run > 0) rates.push_back(static_cast<double>(timed) / seconds);
    }
    const double rate = Median(rates);
    results.push_back({{"work", decode ? "decode" : "prefill" + std::to_string(tokens)},
                       {"tokens_per_second", rate},
                       {"slowest", *std::ranges::min_element(rates)},
                       {"fastest", *std::ranges::max_element(rates)},
                       {"fraction_of_floor", peak > 0 ? rate * 2 * weights / peak : 0}});
  }
  const Json report = {{"model", argv[1]},
                       {"backend", MakeCpuBackend(pool)->name()},
                       {"threads", pool->num_threads()},
                       {"load_seconds", load},
                       {"peak_gflops", peak / 1e9},
                       {"first_token", first_token},
                       {"results", results}};
  std::printf("%s\n", report.dump(1).c_str());
  return 0;
}

}  // namespace
}  // namespace dear

int main(int argc, char** argv) {
  try {
    return dear::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "forward_bench: error: %s\n", error.what());
    return 1;
  }
}
