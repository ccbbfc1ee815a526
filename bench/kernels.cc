// kernels_bench [options of Google Benchmark]: the products and the loops of attention of every
// instruction set that this machine runs, on one thread, at the shapes of a 135M and of an 8B
// model. Before a case is timed its result is held to the scalar set's. Counters: FLOP/s (a
// multiply-add is two, of whatever numbers) and, where that was measured, its part of the f32
// multiply-adds that this thread does on registers alone. Names: product/SET/WEIGHTS/ROWSxIN->OUT.
//   kernels_bench --benchmark_filter='product/avx2/.*/128x'
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/aligned_vector.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "bench_main.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/isa.h"
#include "kernels/machine_peak.h"
#include "tensor/matrix.h"
#include "tensor/packed_matrix.h"
#include "tensor/quantize.h"

namespace dear {
namespace {

using cpu::KernelTable;

struct Shape {
  int64_t rows, in, out;
};
constexpr Shape kShapes[] = {{1, 576, 1536},   {8, 576, 1536},   {128, 576, 576},
                             {128, 576, 1536}, {128, 1536, 576}, {128, 4096, 1024}};
constexpr int64_t kHeadDim = 64;
constexpr int64_t kQueries = 12;     // rows of scores that meet a block of keys
constexpr double kMayDiffer = 1e-4;  // of the largest number of a result

AlignedVector<float> Normal(int64_t count) {
  std::mt19937 random(static_cast<unsigned>(count));
  std::normal_distribution<float> normal;
  AlignedVector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

void RequireClose(const AlignedVector<float>& got, const AlignedVector<float>& want,
                  const std::string& name) {
  double largest = 0;
  double difference = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(want[i])));
    difference = std::max(difference, std::abs(static_cast<double>(got[i]) - want[i]));
  }
  if (!(difference <= kMayDiffer * largest)) {
    throw Error(ErrorCode::kInternal, name,
                "differs from the scalar set's by " + std::to_string(difference));
  }
}

// A way to hold weights, with what activations it meets.
struct Weights {
  const char* name;
  DType dtype;
  bool packed;
  Activations activations;
};
constexpr Weights kWeights[] = {{"f32", DType::kF32, false, Activations::kBF16},
                                {"q4_1", DType::kQ4_1, false, Activations::kBF16},
                                {"bf16-pairs", DType::kF32, true, Activations::kBF16},
                                {"q4_1-pairs", DType::kQ4_1, true, Activations::kBF16},
                                {"q4_0-int8", DType::kQ4_0, true, Activations::kInt8},
                                {"q4_1-int8", DType::kQ4_1, true, Activations::kInt8},
                                {"q8_0-int8", DType::kQ8_0, true, Activations::kInt8}};

std::shared_ptr<const Matrix> Make(const Weights& weights, int64_t rows, int64_t cols) {
  const AlignedVector<float> values = Normal(rows * cols);
  std::vector<std::byte> bytes(*StorageBytes(weights.dtype, static_cast<uint64_t>(rows * cols)));
  QuantizeFromF32(weights.dtype, values.data(), rows * cols, bytes.data());
  std::shared_ptr<const Matrix> matrix =
      MakeMatrix(MakeTensor("w", weights.dtype, {rows, cols}, std::move(bytes)));
  return weights.packed ? PackMatrix(*matrix, nullptr, weights.activations) : matrix;
}

// What a case computes into, and how.
struct Work {
  AlignedVector<float> result;
  std::function<void(AlignedVector<float>& result)> run;
  double operations = 0;
};

Work Product(const KernelTable& kernels, const std::shared_ptr<const Matrix>& w, int64_t rows) {
  const auto backend = std::make_shared<cpu::CpuBackend>(std::make_shared<ThreadPool>(1), kernels);
  const auto x = std::make_shared<AlignedVector<float>>(Normal(rows * w->cols()));
  return {
      .result = AlignedVector<float>(static_cast<size_t>(rows * w->rows())),
      .run =
          [=](AlignedVector<float>& y) { backend->MatMul(x->data(), rows, *w, nullptr, y.data()); },
      .operations = 2.0 * static_cast<double>(rows * w->rows() * w->cols())};
}

Work Scores(const KernelTable& kernels) {
  const auto q = std::make_shared<AlignedVector<float>>(Normal(kQueries * kHeadDim));
  const auto keys = std::make_shared<AlignedVector<float>>(Normal(kHeadDim * cpu::kKeysPerBlock));
  return {.result = AlignedVector<float>(kQueries * cpu::kKeysPerBlock),
          .run =
              [=, &kernels](AlignedVector<float>& s) {
                kernels.score_keys(q->data(), kQueries, kHeadDim, keys->data(), kHeadDim, 0.125F,
                                   s.data(), cpu::kKeysPerBlock);
              },
          .operations = 2.0 * kQueries * kHeadDim * cpu::kKeysPerBlock};
}

Work Values(const KernelTable& kernels) {
  const auto p = std::make_shared<AlignedVector<float>>(Normal(kQueries * cpu::kKeysPerBlock));
  const auto values = std::make_shared<AlignedVector<float>>(Normal(kHeadDim * cpu::kKeysPerBlock));
  return {.result = AlignedVector<float>(kQueries * kHeadDim),
          .run =
              [=, &kernels](AlignedVector<float>& acc) {
                std::fill(acc.begin(), acc.end(), 0.0F);
                kernels.weigh_values(p->data(), kQueries, cpu::kKeysPerBlock, values->data(),
                                     kHeadDim, acc.data());
              },
          .operations = 2.0 * kQueries * kHeadDim * cpu::kKeysPerBlock};
}

double g_peak_flops = 0;  // 0: not measured

// Registers `make(set)` for every set, each result first held to the scalar set's.
void Register(const std::string& kind, const std::string& name,
              const std::function<Work(const KernelTable&)>& make) {
  for (const KernelTable* kernels : cpu::RunnableKernels()) {
    const std::string full = kind + "/" + kernels->name + "/" + name;
    benchmark::RegisterBenchmark(full.c_str(), [=](benchmark::State& state) {
      Work work = make(*kernels);
      Work scalar = make(cpu::ScalarKernels());
      scalar.run(scalar.result);
      work.run(work.result);
      RequireClose(work.result, scalar.result, full);
      for (auto _ : state) {
        work.run(work.result);
        benchmark::ClobberMemory();
      }
      const double done = work.operations * static_cast<double>(state.iterations());
      state.counters["FLOP/s"] = benchmark::Counter(done, benchmark::Counter::kIsRate);
      if (g_peak_flops > 0) {
        state.counters["of_f32_peak"] =
            benchmark::Counter(done / g_peak_flops, benchmark::Counter::kIsRate);
      }
    });
  }
}

int Main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  ThreadPool one(1);
  g_peak_flops = MeasurePeak(one).f32_flops;
  benchmark::AddCustomContext("f32 peak of one thread, FLOP/s", std::to_string(g_peak_flops));
  for (const Weights& weights : kWeights) {
    for (const Shape& shape : kShapes) {
      const std::string name = std::string(weights.name) + "/" + std::to_string(shape.rows) + "x" +
                               std::to_string(shape.in) + "->" + std::to_string(shape.out);
      Register("product", name, [&weights, shape](const KernelTable& kernels) {
        return Product(kernels, Make(weights, shape.out, shape.in), shape.rows);
      });
    }
  }
  Register("attention", "scores", Scores);
  Register("attention", "values", Values);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace dear

int main(int argc, char** argv) {
  return dear::BenchMain("kernels_bench", dear::Main, argc, argv);
}
