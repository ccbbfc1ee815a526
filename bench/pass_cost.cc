// pass_cost_bench MODEL [REPEATS]: what one call of the model costs against its rows, the head's
// logits of every row included, behind a context of 400 tokens: the figures of which the length of
// a draft is decided (generate/draft_budget.h). The rows of a call must have the bits that they
// have one at a time, or no figure is printed. Rounds are interleaved; the fastest of each counts,
// since a shared machine only ever adds. Prints one JSON object.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "bench_main.h"
#include "kernels/backend.h"
#include "model/session.h"

namespace dear {
namespace {

constexpr int64_t kContext = 400;
constexpr int64_t kRows[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96};

int Main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: pass_cost_bench MODEL [REPEATS]\n");
    return 2;
  }
  const int repeats = argc > 2 ? std::max(1, std::atoi(argv[2])) : 5;
  const auto pool = std::make_shared<ThreadPool>();
  const std::shared_ptr<const Model> model = Model::Load(OpenCheckpoint(argv[1]));
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < kContext + std::ranges::max(kRows); ++i) {
    ids.push_back(static_cast<int32_t>((i * 7919 + 13) % model->config().vocab_size));
  }
  const std::span<const int32_t> context = std::span(ids).first(kContext);
  const std::span<const int32_t> answer = std::span(ids).subspan(kContext);
  Session session(model, pool);
  const SequenceId sequence = session.Add();
  const Step prompt{.sequence = sequence, .tokens = context, .logits_from = context.size()};
  session.Forward({&prompt, 1});

  std::vector<float> alone;
  for (size_t i = 0; i < 8; ++i) {
    const Step one{.sequence = sequence, .tokens = answer.subspan(i, 1), .logits_from = 0};
    const HeadOutputs row = session.Forward({&one, 1});
    alone.insert(alone.end(), row.values.begin(), row.values.end());
  }
  session.Truncate(sequence, kContext);
  const Step eight{.sequence = sequence, .tokens = answer.first(8), .logits_from = 0};
  if (session.Forward({&eight, 1}).values != alone) {
    throw Error(ErrorCode::kInternal, "bench", "rows differ from those computed one at a time");
  }

  std::map<int64_t, double> fastest;
  for (int round = 0; round < repeats; ++round) {
    for (const int64_t rows : kRows) {
      session.Truncate(sequence, kContext);
      const Step step{.sequence = sequence,
                      .tokens = answer.first(static_cast<size_t>(rows)),
                      .logits_from = 0};
      const auto begin = std::chrono::steady_clock::now();
      session.Forward({&step, 1});
      const double seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      const auto [at, first] = fastest.emplace(rows, seconds);
      if (!first) at->second = std::min(at->second, seconds);
    }
  }
  // A line through one row and the most.
  const auto [most, longest] = *fastest.rbegin();
  const double row = (longest - fastest[1]) / static_cast<double>(most - 1);
  Json results = Json::array();
  for (const auto& [rows, seconds] : fastest) {
    results.push_back({{"rows", rows},
                       {"milliseconds", seconds * 1e3},
                       {"in_passes_of_one_row", seconds / fastest[1]}});
  }
  const Json report = {{"model", argv[1]},
                       {"backend", MakeCpuBackend(pool)->name()},
                       {"threads", pool->num_threads()},
                       {"row_milliseconds", row * 1e3},
                       {"rows_that_a_pass_costs_besides", fastest[1] / row - 1},
                       {"results", results}};
  std::printf("%s\n", report.dump(1).c_str());
  return 0;
}

}  // namespace
}  // namespace dear

int main(int argc, char** argv) {
  return dear::BenchMain("pass_cost_bench", dear::Main, argc, argv);
}
