// forward_bench MODEL [REPEATS [THREADS [WORK]]]: prefill and decode tokens a second of one model,
// in reference and fast compute in turn, beside the machine's own floors measured in the same run:
// 2 FLOP a weight and token at the rate of multiply-adds on registers alone, and for decoding the
// bytes of the weights at the rate at which memory is read in order. Prints one JSON object. The
// prompt is the same numbers every time; every run must give the same bits and both computations
// must agree, or no figure is printed. On a machine that others use too, one thread and the ratio
// by processor time say more than the clock.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "bench_main.h"
#include "kernels/backend.h"
#include "kernels/machine_peak.h"
#include "model/session.h"

namespace dear {
namespace {

double Seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Of all threads; those that wait may spin.
double ProcessorSeconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int64_t WeightsPerToken(const Model& model) {
  int64_t weights = 0;
  model.ForEachLinear([&](const Linear& linear) {
    const bool looked_up = linear.id == model.embedding().id || linear.id == model.head().id;
    if (linear.weight && !looked_up) weights += linear.weight->rows() * linear.weight->cols();
  });
  return weights;
}

// Bytes of weights that one token reads: all but the embedding, of which it reads a row.
int64_t BytesPerToken(const Model& model) {
  int64_t bytes = 0;
  model.ForEachLinear([&](const Linear& linear) {
    if (linear.weight && linear.id != model.embedding().id) {
      bytes += static_cast<int64_t>(linear.weight->bytes());
    }
  });
  return bytes;
}

int32_t Largest(std::span<const float> logits) {
  return static_cast<int32_t>(std::ranges::max_element(logits) - logits.begin());
}

// One piece of work on one model: what it answers, and how long it takes.
struct Work {
  std::string name;
  int64_t prompt;
  int64_t decoded;  // tokens that are timed after the prompt; 0: the prompt is
};

struct Run {
  std::vector<float> logits;  // behind the prompt
  std::vector<int32_t> tokens;
  double tokens_per_second = 0;
  double tokens_per_processor_second = 0;
};

Run RunOnce(const std::shared_ptr<const Model>& model, const std::shared_ptr<ThreadPool>& pool,
            const Work& work) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < work.prompt; ++i) {
    ids.push_back(static_cast<int32_t>((i * 7919 + 13) % model->config().vocab_size));
  }
  Session session(model, pool);
  const Step step{.sequence = session.Add(), .tokens = ids, .logits_from = ids.size() - 1};
  Run run;
  double begin = ProcessorSeconds();
  double seconds = Seconds([&] { run.logits = session.Forward({&step, 1}).values; });
  run.tokens.push_back(Largest(run.logits));
  if (work.decoded > 0) {
    begin = ProcessorSeconds();
    seconds = Seconds([&] {
      for (int64_t i = 0; i < work.decoded; ++i) {
        const int32_t token = run.tokens.back();
        const Step next{.sequence = step.sequence, .tokens = {&token, 1}, .logits_from = 0};
        run.tokens.push_back(Largest(session.Forward({&next, 1}).values));
      }
    });
  }
  const auto timed = static_cast<double>(work.decoded > 0 ? work.decoded : work.prompt);
  run.tokens_per_processor_second = timed / (ProcessorSeconds() - begin);
  run.tokens_per_second = timed / seconds;
  return run;
}

double RelativeDifference(const Run& a, const Run& b) {
  double difference = 0;
  double largest = 0;
  for (size_t i = 0; i < a.logits.size(); ++i) {
    difference = std::max(difference, std::abs(double{a.logits[i]} - b.logits[i]));
    largest = std::max(largest, std::abs(double{b.logits[i]}));
  }
  return difference / largest;
}

int Main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: forward_bench MODEL [REPEATS [THREADS [WORK]]]\n");
    return 2;
  }
  const int repeats = argc > 2 ? std::max(1, std::atoi(argv[2])) : 5;
  const auto pool = std::make_shared<ThreadPool>(argc > 3 ? std::max(0, std::atoi(argv[3])) : 0);
  const std::string_view only = argc > 4 ? argv[4] : "";
  std::vector<std::shared_ptr<const Model>> models;
  Json load_seconds;
  for (const Compute compute : {Compute::kReference, Compute::kFast}) {
    LoadOptions options{.compute = compute, .pool = pool};
    load_seconds[std::string(ComputeName(compute))] =
        Seconds([&] { models.push_back(Model::Load(OpenCheckpoint(argv[1]), options)); });
  }
  const MachinePeak floor = MeasurePeak(*pool);
  const auto weights = static_cast<double>(WeightsPerToken(*models[0]));
  Json results = Json::array();
  int32_t first_token = -1;
  for (const Work& work :
       {Work{"prefill200", 200, 0}, Work{"prefill512", 512, 0}, Work{"prefill2048", 2048, 0},
        Work{"verify80", 80, 0}, Work{"decode", 200, 32}}) {
    if (!only.empty() && only != work.name) continue;
    // The first runs are for the check: the same every time, and both computations agree.
    std::vector<Run> expected;
    for (const auto& model : models) expected.push_back(RunOnce(model, pool, work));
    const double difference = RelativeDifference(expected[1], expected[0]);
    if (!(difference < 0.05)) throw Error(ErrorCode::kInternal, work.name, "fast differs");
    if (work.prompt == 200) first_token = expected[0].tokens.front();
    std::vector<std::vector<double>> rates(models.size());
    std::vector<std::vector<double>> processor_rates(models.size());
    for (int run = 0; run < repeats; ++run) {  // in turn
      for (size_t i = 0; i < models.size(); ++i) {
        const Run again = RunOnce(models[i], pool, work);
        if (again.logits != expected[i].logits || again.tokens != expected[i].tokens) {
          throw Error(ErrorCode::kInternal, work.name, "runs differ");
        }
        rates[i].push_back(again.tokens_per_second);
        processor_rates[i].push_back(again.tokens_per_processor_second);
      }
    }
    Json row = {{"work", work.name}, {"max_rel_diff", difference}};
    for (size_t i = 0; i < models.size(); ++i) {
      const double rate = Median(rates[i]);
      Json figures = {{"tokens_per_second", rate},
                      {"tokens_per_processor_second", Median(processor_rates[i])},
                      {"slowest", *std::ranges::min_element(rates[i])},
                      {"fastest", *std::ranges::max_element(rates[i])}};
      const double flops = i == 0 ? floor.f32_flops : std::max(floor.f32_flops, floor.bf16_flops);
      if (flops > 0) figures["fraction_of_flops"] = rate * 2 * weights / flops;
      if (work.decoded > 0) {
        figures["fraction_of_memory"] =
            rate * static_cast<double>(BytesPerToken(*models[i])) / floor.bytes_per_second;
      }
      row[std::string(ComputeName(models[i]->compute()))] = std::move(figures);
    }
    row["ratio"] = Median(rates[1]) / Median(rates[0]);
    row["processor_ratio"] = Median(processor_rates[1]) / Median(processor_rates[0]);
    results.push_back(std::move(row));
  }
  const Json report = {{"model", argv[1]},
                       {"backend", MakeCpuBackend(pool)->name()},
                       {"threads", pool->num_threads()},
                       {"load_seconds", load_seconds},
                       {"peak_gflops", floor.f32_flops / 1e9},
                       {"peak_bf16_gflops", floor.bf16_flops / 1e9},
                       {"memory_gbps", floor.bytes_per_second / 1e9},
                       {"first_token", first_token},
                       {"results", results}};
  std::printf("%s\n", report.dump(1).c_str());
  return 0;
}

}  // namespace
}  // namespace dear

int main(int argc, char** argv) {
  return dear::BenchMain("forward_bench", dear::Main, argc, argv);
}
