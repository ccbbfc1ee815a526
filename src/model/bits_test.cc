// The same request gives the same bits: whatever else is in the batch, however its tokens are split
// into steps, with any number of threads, from a fork or from the start.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <random>
#include <set>

#include "base/testing/sanitized.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/isa.h"
#include "kernels/testing/kernels_under_test.h"
#include "model/session.h"
#include "model/testing/golden_case.h"
#include "model/testing/parity.h"

namespace dear {
namespace {

using testing::GoldenCase;

// Whether two rows are the same bits; NaN and signed zeros count as what they are.
bool SameBits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

TEST(SameBitsTest, SeesEveryMutation) {
  const std::vector<float> row = {1, 0, 2};
  EXPECT_TRUE(SameBits(row, row));
  EXPECT_FALSE(SameBits(row, std::vector<float>{1, -0.0F, 2}));
  EXPECT_FALSE(SameBits(row, std::vector<float>{0, 1, 2}));
  EXPECT_FALSE(SameBits(row, std::vector<float>{1, 0}));
  EXPECT_FALSE(SameBits(row, std::vector<float>{1, 0, std::nextafter(2.0F, 3.0F)}));
}

// Forces an instruction set for a scope.
class ScopedIsa {
 public:
  explicit ScopedIsa(const char* name) {
    if (const char* before = std::getenv("DEAR_ISA")) before_ = before;
    setenv("DEAR_ISA", name, 1);
  }
  ~ScopedIsa() { before_.empty() ? unsetenv("DEAR_ISA") : setenv("DEAR_ISA", before_.c_str(), 1); }
  ScopedIsa(const ScopedIsa&) = delete;
  ScopedIsa& operator=(const ScopedIsa&) = delete;

 private:
  std::string before_;
};

std::vector<int32_t> RandomTokens(std::mt19937& random, int64_t vocab, size_t count) {
  std::uniform_int_distribution<int32_t> pick(0, static_cast<int32_t>(vocab) - 1);
  std::vector<int32_t> tokens(count);
  for (int32_t& token : tokens) token = pick(random);
  return tokens;
}

// Head outputs of every token of `tokens`, run alone and at once.
HeadOutputs RunAlone(const std::shared_ptr<const Model>& model,
                     const std::shared_ptr<const Adapter>& adapter,
                     const std::vector<int32_t>& tokens, int threads) {
  Session session(model, std::make_shared<ThreadPool>(threads));
  const Step step{.sequence = session.Add(adapter), .tokens = tokens, .logits_from = 0};
  return session.Forward({&step, 1});
}

// A sequence fed in random pieces; what it answers is held against what it answered alone.
struct Stream {
  SequenceId id = -1;
  std::vector<int32_t> tokens;
  HeadOutputs alone;
  size_t fed = 0;
};

// Feeds all streams, a random piece each a call, and compares every row. Sometimes a stream is
// cut back, or goes on as a fork of itself. Returns where the first row differs, if one does.
std::optional<std::string> FirstDifference(Session& session, std::vector<Stream>& streams,
                                           std::mt19937& random) {
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  for (int call = 0; call < 60; ++call) {
    std::vector<Step> steps;
    std::vector<Stream*> users;
    for (Stream& stream : streams) {
      if (stream.fed == stream.tokens.size() || below(3) == 0) continue;
      if (stream.fed > 0 && below(6) == 0) {
        stream.fed = below(stream.fed + 1);
        if (below(2) == 0) {
          session.Truncate(stream.id, static_cast<int64_t>(stream.fed));
        } else {
          const SequenceId fork = session.Fork(stream.id, static_cast<int64_t>(stream.fed));
          if (below(2) == 0) session.Remove(stream.id);
          stream.id = fork;
        }
        if (stream.fed == stream.tokens.size()) continue;
      }
      const size_t left = stream.tokens.size() - stream.fed;
      const size_t count = below(3) == 0 ? 1 : 1 + below(left);
      steps.push_back({.sequence = stream.id,
                       .tokens = std::span(stream.tokens).subspan(stream.fed, count),
                       .logits_from = below(count + 1)});
      users.push_back(&stream);
    }
    const HeadOutputs outputs = session.Forward(steps);
    int64_t row = 0;
    for (size_t i = 0; i < steps.size(); ++i) {
      for (size_t t = steps[i].logits_from; t < steps[i].tokens.size(); ++t, ++row) {
        const auto expected = users[i]->alone.Row(static_cast<int64_t>(users[i]->fed + t));
        if (!SameBits(outputs.Row(row).first(expected.size()), expected)) {
          return "call " + std::to_string(call) + ", token " + std::to_string(users[i]->fed + t);
        }
      }
      users[i]->fed += steps[i].tokens.size();
    }
    EXPECT_EQ(row, outputs.rows());
  }
  return std::nullopt;
}

class BitsTest : public ::testing::TestWithParam<std::tuple<const char*, const char*, Compute>> {};

TEST_P(BitsTest, ARowDependsOnItsOwnSequenceAlone) {
  const auto& [isa, name, compute] = GetParam();
  const ScopedIsa forced(isa);
  const GoldenCase test = testing::FindGolden(name);
  const auto model = testing::LoadGolden(test, compute);
  const auto adapter = testing::BindGolden(test, *model);
  std::mt19937 random(31);
  for (const int threads : {1, 2, 3, 4}) {
    if (testing::kSanitized && (threads == 1 || threads == 3)) continue;
    Session session(model, std::make_shared<ThreadPool>(threads));
    std::vector<Stream> streams;
    for (int i = 0; i < 5; ++i) {
      const auto own = i % 2 == 0 ? adapter : nullptr;
      Stream stream{.id = session.Add(own),
                    .tokens = RandomTokens(random, model->config().vocab_size, 1 + random() % 100)};
      stream.alone = RunAlone(model, own, stream.tokens, 1);
      streams.push_back(std::move(stream));
    }
    EXPECT_EQ(FirstDifference(session, streams, random), std::nullopt);
  }
}

std::vector<const char*> RunnableNames() {
  std::vector<const char*> names;
  for (const cpu::KernelTable* table : testing::KernelsUnderTest()) names.push_back(table->name);
  return names;
}

// One name for each set of inner loops that a computation runs: tables that differ in others give
// it nothing new.
std::vector<const char*> NamesOf(Compute compute) {
  std::vector<const char*> names;
  std::set<const void*> seen;
  for (const cpu::KernelTable* table : testing::KernelsUnderTest()) {
    const void* loops = reinterpret_cast<const void*>(table->dot_rows);
    if (compute == Compute::kFast) loops = reinterpret_cast<const void*>(table->pairs.dot);
    if (compute == Compute::kInt8) loops = reinterpret_cast<const void*>(table->bytes.dot);
    if (seen.insert(loops).second) names.push_back(table->name);
  }
  return names;
}

std::vector<std::tuple<const char*, const char*, Compute>> BitsCases() {
  std::vector<std::tuple<const char*, const char*, Compute>> cases;
  for (const Compute compute : {Compute::kReference, Compute::kFast, Compute::kInt8}) {
    for (const char* isa : NamesOf(compute)) {
      for (const char* name :
           {"llama", "mistral_window", "qwen3", "gemma", "lora_all_linear", "lora_dora_biases",
            "lora_embed_dora", "lora_beside_nf4", "llama_int8_on_the_fly", "gguf_llama_mixed",
            "gguf_llama_k", "llama_bf16", "lora_save_norms"}) {
        cases.emplace_back(isa, name, compute);
      }
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Machine, BitsTest, ::testing::ValuesIn(BitsCases()),
                         [](const auto& param_info) {
                           return std::string(std::get<0>(param_info.param)) + "_" +
                                  std::get<1>(param_info.param) + "_" +
                                  std::string(ComputeName(std::get<2>(param_info.param)));
                         });

// Four adapters of different kinds and the base, all in every call.
TEST(MixedAdaptersTest, EachSequenceAnswersAsWithItsAdapterAlone) {
  const auto model = testing::LoadGolden(testing::FindGolden("llama"));
  std::mt19937 random(5);
  Session session(model, std::make_shared<ThreadPool>(2));
  std::vector<Stream> streams;
  for (const char* name : {"", "lora_qv", "lora_dora", "lora_save_both", "lora_embed",
                           "lora_resized", "lora_lm_head", "lora_qv"}) {
    const auto adapter =
        *name == 0 ? nullptr : testing::BindGolden(testing::FindGolden(name), *model);
    Stream stream{.id = session.Add(adapter), .tokens = RandomTokens(random, 131, 70)};
    stream.alone = RunAlone(model, adapter, stream.tokens, 1);
    streams.push_back(std::move(stream));
  }
  EXPECT_EQ(FirstDifference(session, streams, random), std::nullopt);
}

// Kernels with the faults that the test above is there to find, each beside its sound form.
namespace mutant {

// Adds backwards in calls of several rows.
void DotRowsByBatch(const float* x, int64_t rows, int64_t x_stride, const float* w, int64_t outs,
                    int64_t k, const float* bias, float* y, int64_t y_stride) noexcept {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t o = 0; o < outs; ++o) {
      float sum = 0;
      for (int64_t i = 0; i < k; ++i) {
        const int64_t at = rows > 1 ? k - 1 - i : i;
        sum += x[r * x_stride + at] * w[o * k + at];
      }
      y[r * y_stride + o] = sum + (bias == nullptr ? 0.0F : bias[o]);
    }
  }
}

// One unit in the last place more for the last row of a call, as a wrong tail would give.
void ScoreKeysByPlace(const float* q, int64_t rows, int64_t q_stride, const float* keys,
                      int64_t head_dim, float scale, float* s, int64_t s_stride) noexcept {
  cpu::ScalarKernels().score_keys(q, rows, q_stride, keys, head_dim, scale, s, s_stride);
  float* last = s + (rows - 1) * s_stride;
  if (rows > 1) {
    for (int64_t j = 0; j < cpu::kKeysPerBlock; ++j) last[j] = std::nextafter(last[j], 1e30F);
  }
}

// What an earlier call left behind.
void NormByHistory(const float* x, const float* w, float offset, int64_t n, float eps,
                   float* y) noexcept {
  static std::atomic<int> calls{0};
  cpu::ScalarKernels().rms_norm(x, w, offset, n, eps, y);
  if (++calls % 7 == 0) y[0] = std::nextafter(y[0], 1e30F);
}

// The first row of a call loses its last unit: as a product of pairs with a wrong first tile.
void DotPairsByPlace(const cpu::PairProduct& product) noexcept {
  cpu::ScalarKernels().pairs.dot(product);
  if (product.rows > 1) product.y[0] = std::nextafter(product.y[0], 1e30F);
}

// The same of a product of bytes.
void DotBytesByPlace(const cpu::ByteProduct& product) noexcept {
  cpu::ScalarKernels().bytes.dot(product);
  if (product.rows > 1) product.y[0] = std::nextafter(product.y[0], 1e30F);
}

// A row whose rounding depends on the row before it.
void QuantizeByHistory(const cpu::ByteRow& row, int8_t* y, cpu::ByteSegment* segments) noexcept {
  static std::atomic<int> calls{0};
  cpu::ScalarKernels().bytes.quantize_row(row, y, segments);
  if (++calls % 7 == 0) segments[0].scale = std::nextafter(segments[0].scale, 1e30F);
}

}  // namespace mutant

TEST(MutantTest, EveryFaultyKernelIsFound) {
  Compute compute = Compute::kReference;
  const auto finds = [&compute](const cpu::KernelTable& kernels) {
    const auto model = testing::LoadGolden(testing::FindGolden("llama"), compute);
    const auto open = [&](int threads) {
      return std::make_unique<cpu::CpuBackend>(std::make_shared<ThreadPool>(threads), kernels);
    };
    std::mt19937 random(7);
    Session session(model, open(2));
    std::vector<Stream> streams;
    for (int i = 0; i < 4; ++i) {
      Stream stream{.id = session.Add(), .tokens = RandomTokens(random, 131, 60)};
      Session alone(model, open(1));
      const Step step{.sequence = alone.Add(), .tokens = stream.tokens, .logits_from = 0};
      stream.alone = alone.Forward({&step, 1});
      streams.push_back(std::move(stream));
    }
    return FirstDifference(session, streams, random).has_value();
  };
  cpu::KernelTable kernels = cpu::ScalarKernels();
  EXPECT_FALSE(finds(kernels));
  kernels.dot_rows = mutant::DotRowsByBatch;
  EXPECT_TRUE(finds(kernels));
  kernels = cpu::ScalarKernels();
  kernels.score_keys = mutant::ScoreKeysByPlace;
  EXPECT_TRUE(finds(kernels));
  kernels = cpu::ScalarKernels();
  kernels.rms_norm = mutant::NormByHistory;
  EXPECT_TRUE(finds(kernels));
  compute = Compute::kFast;
  kernels = cpu::ScalarKernels();
  EXPECT_FALSE(finds(kernels));
  kernels.pairs.dot = mutant::DotPairsByPlace;
  EXPECT_TRUE(finds(kernels));
  compute = Compute::kInt8;
  kernels = cpu::ScalarKernels();
  EXPECT_FALSE(finds(kernels));
  kernels.bytes.dot = mutant::DotBytesByPlace;
  EXPECT_TRUE(finds(kernels));
  kernels = cpu::ScalarKernels();
  kernels.bytes.quantize_row = mutant::QuantizeByHistory;
  EXPECT_TRUE(finds(kernels));
}

// The vector widths add in one order: a machine with AVX2 answers as one with AVX-512. The
// instruction for bf16 pairs rounds as two fused multiply-adds do, where no number is subnormal.
TEST(IsaTest, Avx2AndAvx512GiveTheSameBits) {
  const auto names = RunnableNames();
  if (names.size() < 3) GTEST_SKIP() << "this machine has one table beside the scalar one";
  std::mt19937 random(17);
  for (const char* name : {"llama", "gemma", "qwen3", "lora_all_linear", "gguf_llama_mixed"}) {
    for (const Compute compute : {Compute::kReference, Compute::kFast, Compute::kInt8}) {
      const GoldenCase test = testing::FindGolden(name);
      const auto model = testing::LoadGolden(test, compute);
      const auto adapter = testing::BindGolden(test, *model);
      const auto tokens = RandomTokens(random, model->config().vocab_size, 90);
      const auto run = [&](const char* isa) {
        const ScopedIsa forced(isa);
        return RunAlone(model, adapter, tokens, 2).values;
      };
      const auto expected = run("avx2");
      for (const char* isa : names) {
        if (std::string_view(isa) == "scalar") continue;
        // Tiles add in an order of their own. Int8 compute has pairs for them too, where weights
        // are no codes.
        const bool has_pairs =
            compute == Compute::kFast ||
            (compute == Compute::kInt8 && !std::string_view(name).starts_with("gguf"));
        if (std::string_view(isa) == "amx" && has_pairs) continue;
        EXPECT_TRUE(SameBits(run(isa), expected)) << name << " " << isa;
      }
    }
  }
}

}  // namespace
}  // namespace dear
