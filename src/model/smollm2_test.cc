// The shipped default against transformers, on its real weights. Runs where the file is in the
// cache folder (scripts/quickstart and CI put it there).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "base/json.h"
#include "model/session.h"
#include "model/testing/parity.h"

namespace dear {
namespace {

std::filesystem::path ModelPath() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::filesystem::path root =
      cache != nullptr && *cache != 0
          ? std::filesystem::path(cache)
          : std::filesystem::path(home == nullptr ? "" : home) / ".cache";
  return root / "dear/models/SmolLM2-135M-Instruct.Q4_1.gguf";
}

TEST(SmolLm2Test, LogitsAndGreedyTokensAreThoseOfTransformers) {
  if (!std::filesystem::exists(ModelPath())) {
    GTEST_SKIP() << ModelPath() << " is not there; scripts/quickstart fetches it";
  }
  const Json golden =
      ReadJsonFile(std::filesystem::path(DEAR_SOURCE_DIR) / "tests/golden/model/smollm2.json");
  const auto step = golden["column_step"].get<size_t>();
  const auto model = Model::Load(OpenCheckpoint(ModelPath()));
  Session session(model, std::make_shared<ThreadPool>());
  double worst = 0;
  bool greedy_equal = true;
  for (const Json& test : golden["cases"]) {
    const auto ids = test["ids"].get<std::vector<int32_t>>();
    const SequenceId sequence = session.Add();
    const Step prompt{.sequence = sequence, .tokens = ids, .logits_from = 0};
    const HeadOutputs outputs = session.Forward({&prompt, 1});
    ASSERT_EQ(outputs.rows(), static_cast<int64_t>(ids.size()));
    for (const Json& row : test["rows"]) {
      const auto logits = outputs.Row(row["row"].get<int64_t>());
      const auto columns = row["columns"].get<std::vector<float>>();
      const auto largest = row["largest"].get<double>();
      for (size_t i = 0; i < columns.size(); ++i) {
        const double difference = std::abs(double{logits[i * step]} - columns[i]);
        ASSERT_LE(difference, 2e-5 * largest) << "row " << row["row"] << " column " << i * step;
        worst = std::max(worst, difference / largest);
      }
      EXPECT_EQ(testing::ArgMax(logits), row["argmax"].get<int32_t>());
    }
    const auto expected = test["greedy"].get<std::vector<int32_t>>();
    const auto greedy = testing::ContinueGreedily(session, sequence,
                                                  outputs.Row(outputs.rows() - 1), expected.size());
    greedy_equal = greedy_equal && greedy == expected;
    EXPECT_EQ(greedy, expected);
    session.Remove(sequence);
  }
  testing::ReportParity("model, real weights", "smollm2-135m-instruct q4_1 gguf", worst, 2e-5,
                        greedy_equal, 64);
}

// Fast compute rounds both factors of a product to bf16, by half a unit or 2^-8 of them at most.
// The roundings of one product average out, those of products behind each other add up as their
// squares do: four products of a layer and the head's, two factors each.
TEST(SmolLm2Test, FastComputeStaysWithinTheRoundingOfItsFactors) {
  if (!std::filesystem::exists(ModelPath())) {
    GTEST_SKIP() << ModelPath() << " is not there; scripts/quickstart fetches it";
  }
  const Json golden =
      ReadJsonFile(std::filesystem::path(DEAR_SOURCE_DIR) / "tests/golden/model/smollm2.json");
  std::vector<std::vector<float>> answers;  // reference, fast
  int64_t width = 0;
  double bound = 0;
  for (const Compute compute : {Compute::kReference, Compute::kFast}) {
    const auto model = Model::Load(OpenCheckpoint(ModelPath()), {.compute = compute});
    bound = 0x1p-8 * std::sqrt(static_cast<double>(2 * (4 * model->config().num_layers + 1)));
    Session session(model, std::make_shared<ThreadPool>());
    std::vector<float>& values = answers.emplace_back();
    for (const Json& test : golden["cases"]) {
      const auto ids = test["ids"].get<std::vector<int32_t>>();
      const Step prompt{.sequence = session.Add(), .tokens = ids, .logits_from = 0};
      const HeadOutputs outputs = session.Forward({&prompt, 1});
      width = outputs.width;
      values.insert(values.end(), outputs.values.begin(), outputs.values.end());
    }
  }
  ASSERT_EQ(answers[0].size(), answers[1].size());
  double worst = 0;
  for (size_t row = 0; row < answers[0].size(); row += static_cast<size_t>(width)) {
    double largest = 0;
    double difference = 0;
    for (size_t i = row; i < row + static_cast<size_t>(width); ++i) {
      largest = std::max(largest, std::abs(double{answers[0][i]}));
      difference = std::max(difference, std::abs(double{answers[1][i]} - answers[0][i]));
    }
    ASSERT_LE(difference, bound * largest) << "row " << row / static_cast<size_t>(width);
    worst = std::max(worst, difference / largest);
  }
  EXPECT_GT(worst, 0) << "the fast products did not run";
  std::printf("fast smollm2: %g of %g\n", worst, bound);
}

}  // namespace
}  // namespace dear
