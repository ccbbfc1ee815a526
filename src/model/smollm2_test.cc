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

// What the logits of the golden prompts are in one computation, row by row.
struct Answers {
  std::vector<float> logits;
  int64_t width = 0;
  int64_t layers = 0;
};

Answers LogitsIn(Compute compute) {
  const Json golden =
      ReadJsonFile(std::filesystem::path(DEAR_SOURCE_DIR) / "tests/golden/model/smollm2.json");
  const auto model = Model::Load(OpenCheckpoint(ModelPath()), {.compute = compute});
  Answers answers{.layers = model->config().num_layers};
  Session session(model, std::make_shared<ThreadPool>());
  for (const Json& test : golden["cases"]) {
    const auto ids = test["ids"].get<std::vector<int32_t>>();
    const Step prompt{.sequence = session.Add(), .tokens = ids, .logits_from = 0};
    const HeadOutputs outputs = session.Forward({&prompt, 1});
    answers.width = outputs.width;
    answers.logits.insert(answers.logits.end(), outputs.values.begin(), outputs.values.end());
  }
  return answers;
}

// Every row of `answers` is within bound * (the row's largest logit) of the reference's. Returns
// the largest such ratio.
double RequireWithin(double bound, const Answers& answers, const Answers& reference) {
  if (answers.logits.size() != reference.logits.size()) {
    ADD_FAILURE() << answers.logits.size() << " logits for " << reference.logits.size();
    return 0;
  }
  const auto width = static_cast<size_t>(reference.width);
  double worst = 0;
  for (size_t row = 0; row < reference.logits.size(); row += width) {
    double largest = 0;
    double difference = 0;
    for (size_t i = row; i < row + width; ++i) {
      largest = std::max(largest, std::abs(double{reference.logits[i]}));
      difference = std::max(difference, std::abs(double{answers.logits[i]} - reference.logits[i]));
    }
    EXPECT_LE(difference, bound * largest) << "row " << row / width;
    worst = std::max(worst, difference / largest);
  }
  EXPECT_GT(worst, 0) << "other products did not run";
  return worst;
}

// The roundings of one product average out, those of products behind each other add up as their
// squares do: four products of a layer and the head's. Fast compute rounds both factors to bf16, by
// half a unit or 2^-8 of them at most. Int8 rounds activations alone (the file holds codes), to
// steps of 1/127 of the largest of 32: an error of step / sqrt(12) in the mean square, beside
// numbers whose largest is at most sqrt(32) times their root mean square.
TEST(SmolLm2Test, FastAndInt8ComputeStayWithinTheRoundingOfTheirFactors) {
  if (!std::filesystem::exists(ModelPath())) {
    GTEST_SKIP() << ModelPath() << " is not there; scripts/quickstart fetches it";
  }
  const Answers reference = LogitsIn(Compute::kReference);
  const auto products = static_cast<double>(4 * reference.layers + 1);
  const double fast_bound = 0x1p-8 * std::sqrt(2 * products);
  const double fast = RequireWithin(fast_bound, LogitsIn(Compute::kFast), reference);
  const double int8_bound = std::sqrt(32.0 / 12) / 127 * std::sqrt(products);
  const double int8 = RequireWithin(int8_bound, LogitsIn(Compute::kInt8), reference);
  std::printf("smollm2: fast %g of %g, int8 %g of %g\n", fast, fast_bound, int8, int8_bound);
}

}  // namespace
}  // namespace dear
