// Drafts and constraints: what Generate() does with them, over a model of hashes and over real
// tiny models with their KV caches.
#include "generate/sequence.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>

#include "base/error.h"
#include "base/testing/sanitized.h"
#include "model/testing/golden_case.h"

namespace dear {
namespace {

constexpr TokenId kEos = 0;
constexpr int64_t kVocab = 64;

// Printable characters from ' ' on; 0 is the end.
class CharTokenizer : public Tokenizer {
 public:
  Encoding Encode(std::string_view, const EncodeOptions&, bool) const override { return {}; }
  Encoding EncodePair(std::string_view, std::string_view, const EncodeOptions&,
                      bool) const override {
    return {};
  }
  std::string Decode(std::span<const TokenId> ids, bool) const override {
    std::string out;
    for (const TokenId id : ids)
      if (id != kEos) out += static_cast<char>(' ' + id % 90);
    return out;
  }
  std::optional<TokenId> TokenToId(std::string_view) const override { return std::nullopt; }
  std::optional<std::string> IdToToken(TokenId id) const override {
    return std::string(1, static_cast<char>(' ' + id % 90));
  }
  int64_t vocab_size() const override { return kVocab; }
  bool IsSpecial(TokenId id) const override { return id == kEos; }
  std::optional<TokenId> bos_id() const override { return std::nullopt; }
  std::optional<TokenId> eos_id() const override { return kEos; }
  std::optional<TokenId> pad_id() const override { return std::nullopt; }
  const std::string& chat_template() const override { return template_; }

 private:
  std::string template_;
};

uint32_t Hash(std::span<const TokenId> tokens, uint32_t salt) {
  uint32_t hash = 2166136261 ^ salt;
  for (const TokenId token : tokens) hash = (hash ^ static_cast<uint32_t>(token)) * 16777619;
  return hash ^ (hash >> 15);
}

// Logits are hashes of all tokens before.
class HashStepper final : public Stepper {
 public:
  HashStepper() {
    config_.eos_ids = {kEos};
    config_.max_positions = 500;
    config_.vocab_size = kVocab;
  }
  SequenceId Add(std::shared_ptr<const Adapter>) override {
    held_[++last_] = {};
    return last_;
  }
  SequenceId Fork(SequenceId, int64_t) override { return -1; }  // not asked for here
  void Remove(SequenceId id) override { held_.erase(id); }
  void Truncate(SequenceId id, int64_t length) override {
    EXPECT_LT(length, static_cast<int64_t>(held_.at(id).size()));
    held_.at(id).resize(static_cast<size_t>(length));
  }
  HeadOutputs Forward(std::span<const Step> steps) override {
    ++calls_;
    HeadOutputs out{.width = kVocab, .values = {}};
    for (const Step& step : steps) {
      std::vector<TokenId>& held = held_.at(step.sequence);
      for (size_t i = 0; i < step.tokens.size(); ++i) {
        EXPECT_TRUE(step.tokens[i] >= 0 && step.tokens[i] < kVocab);
        held.push_back(step.tokens[i]);
        EXPECT_LE(static_cast<int64_t>(held.size()), config_.max_positions);
        if (i < step.logits_from) continue;
        for (int64_t token = 0; token < kVocab; ++token) {
          out.values.push_back(static_cast<float>(Hash(held, static_cast<uint32_t>(token)) % 9973));
        }
      }
      rows_ += step.tokens.size() - step.logits_from;
    }
    return out;
  }
  const ModelConfig& config() const override { return config_; }

  ModelConfig config_;
  std::map<SequenceId, std::vector<TokenId>> held_;
  SequenceId last_ = 0;
  int64_t calls_ = 0;
  size_t rows_ = 0;
};

// Knows the answer and says it with errors: every `wrong`-th token is another one, at times one
// that no vocabulary has.
class Prompter final : public Drafter {
 public:
  Prompter(std::vector<TokenId> answer, size_t wrong, size_t more)
      : answer_(std::move(answer)), wrong_(wrong), more_(more) {}
  std::vector<TokenId> Draft(std::span<const TokenId> written, size_t limit) override {
    EXPECT_LE(written.size(), answer_.size());
    EXPECT_TRUE(std::ranges::equal(written, std::span(answer_).first(written.size())));
    std::vector<TokenId> draft;
    for (size_t i = written.size(); i < answer_.size() && draft.size() < limit + more_; ++i) {
      const bool errs = wrong_ > 0 && (i * 31 + calls_) % wrong_ == 0;
      draft.push_back(!errs ? answer_[i] : calls_ % 5 == 4 ? 1 << 20 : (answer_[i] + 1) % 60);
    }
    ++calls_;
    drafted_ = draft;
    return draft;
  }
  void Learn(std::span<const Logits> rows, size_t accepted) override {
    ASSERT_LE(accepted + 1, rows.size());
    ASSERT_LE(rows.size(), drafted_.size() + 1);
    for (size_t i = 0; i < accepted && likeliest_; ++i) EXPECT_EQ(ArgMax(rows[i]), drafted_[i]);
    if (accepted + 1 < rows.size() && likeliest_) {
      EXPECT_NE(ArgMax(rows[accepted]), drafted_[accepted]);
    }
  }

  size_t calls_ = 0;
  bool likeliest_ = true;  // the answer is of the largest logits

 private:
  std::vector<TokenId> answer_, drafted_;
  size_t wrong_, more_;
};

GenerateRequest Request(uint32_t seed, size_t length, int64_t max_new_tokens) {
  GenerateRequest request;
  for (size_t i = 0; i < length; ++i) {
    request.prompt.push_back(
        static_cast<TokenId>(Hash({}, seed + static_cast<uint32_t>(i)) % 60 + 1));
  }
  request.max_new_tokens = max_new_tokens;
  return request;
}

void ExpectSame(const Generated& drafted, const Generated& plain) {
  EXPECT_EQ(drafted.ids, plain.ids);
  EXPECT_EQ(drafted.text, plain.text);
  EXPECT_EQ(drafted.reason, plain.reason);
}

TEST(Drafts, OfAnyQualityChangeNoToken) {
  const auto tokenizer = std::make_shared<CharTokenizer>();
  for (uint32_t seed = 0; seed < testing::Trials(60); ++seed) {
    std::vector<GenerateRequest> requests;
    for (uint32_t i = 0; i < 25; ++i) {
      requests.push_back(
          Request(seed * 100 + i, 1 + (seed * 37 + i * 61) % 300, 1 + (seed + i * 13) % 90));
      if (i % 5 == 1) requests.back().stop_strings = {std::string(1, static_cast<char>(' ' + i))};
      if (i % 5 == 2) requests.back().sampling.repetition_penalty = 1.3;
      if (i % 5 == 3) requests.back().stop_ids = {static_cast<TokenId>(i), 7};
      if (i % 7 == 0) requests.back().max_new_tokens = 10000;  // to the end of the context
    }
    HashStepper plain;
    const auto expected = Generate(plain, tokenizer, requests);
    for (const size_t wrong : {0U, 1U, 2U, 9U, 23U}) {
      for (size_t i = 0; i < requests.size(); ++i) {
        const auto drafter = std::make_shared<Prompter>(expected[i].ids, wrong, i % 3);
        drafter->likeliest_ = requests[i].sampling.repetition_penalty == 1;
        requests[i].drafter = drafter;
      }
      HashStepper drafted;
      const auto out = Generate(drafted, tokenizer, requests);
      for (size_t i = 0; i < requests.size(); ++i) ExpectSame(out[i], expected[i]);
      EXPECT_TRUE(drafted.held_.empty());
      if (wrong == 0) {
        EXPECT_LT(drafted.calls_, plain.calls_ / 4);
      }
    }
  }
}

TEST(Drafts, PassesAreCountedExactly) {
  const auto tokenizer = std::make_shared<CharTokenizer>();
  GenerateRequest request = Request(5, 400, 40);
  request.use_model_eos = false;
  HashStepper plain;
  const Generated expected = Generate(plain, tokenizer, {&request, 1})[0];
  EXPECT_EQ(expected.forward_passes, 40);
  // The first call may draft 3 % of 400 rows, and gives one token more; the second all others.
  request.drafter = std::make_shared<Prompter>(expected.ids, 0, 0);
  HashStepper drafted;
  const Generated out = Generate(drafted, tokenizer, {&request, 1})[0];
  ExpectSame(out, expected);
  EXPECT_EQ(out.forward_passes, 2);
  EXPECT_EQ(out.drafted, 12 + 26);
  EXPECT_EQ(out.accepted, 12 + 26);
  EXPECT_EQ(drafted.rows_, 40U);
}

TEST(Drafts, AreNotAskedForWhereTokensAreDrawn) {
  const auto tokenizer = std::make_shared<CharTokenizer>();
  GenerateRequest request = Request(5, 40, 20);
  request.sampling.temperature = 1000;
  const auto drafter = std::make_shared<Prompter>(std::vector<TokenId>{}, 0, 0);
  request.drafter = drafter;
  HashStepper stepper;
  Generate(stepper, tokenizer, {&request, 1});
  EXPECT_EQ(drafter->calls_, 0U);
}

// Real tiny models: what a rejected draft left in the KV cache must leave no trace.
TEST(Drafts, LeaveNoTraceInTheCacheOfAnyFamily) {
  const auto tokenizer = std::make_shared<CharTokenizer>();
  const auto pool = std::make_shared<ThreadPool>(2);
  int64_t rejected = 0;
  for (const char* name : {"llama", "mistral_window", "qwen2", "qwen3", "gemma"}) {
    const auto model = Model::Load(OpenCheckpoint(testing::GoldenFolder() / "bases" / name));
    const auto vocab = static_cast<uint32_t>(model->config().vocab_size);
    for (uint32_t seed = 0; seed < 6; ++seed) {
      std::vector<GenerateRequest> requests;
      for (uint32_t i = 0; i < 4; ++i) {
        requests.push_back(Request(seed * 10 + i, 3 + (seed * 29 + i * 41) % 90, 24));
        for (TokenId& token : requests.back().prompt)
          token = static_cast<TokenId>(static_cast<uint32_t>(token) * 7 % vocab);
        requests.back().use_model_eos = false;
      }
      const auto expected = Generate(model, pool, tokenizer, requests);
      for (const size_t wrong : {2U, 5U}) {
        for (size_t i = 0; i < requests.size(); ++i) {
          requests[i].drafter = std::make_shared<Prompter>(expected[i].ids, wrong, 0);
        }
        const auto out = Generate(model, pool, tokenizer, requests);
        for (size_t i = 0; i < requests.size(); ++i) {
          ExpectSame(out[i], expected[i]);
          rejected += out[i].drafted - out[i].accepted;
        }
      }
    }
  }
  EXPECT_GT(rejected, 100);
}

// Even tokens, then odd ones, and so on; the end after eight.
class Alternating final : public Constraint {
 public:
  std::optional<std::vector<TokenId>> Allowed(std::span<const TokenId> written) override {
    std::vector<TokenId> allowed;
    for (TokenId token = 2; token < kVocab && written.size() < 8; ++token) {
      if (static_cast<size_t>(token) % 2 == written.size() % 2) allowed.push_back(token);
    }
    return allowed;
  }
};

TEST(Constraints, MaskAllElseAndSayHowMuchThatWas) {
  const auto tokenizer = std::make_shared<CharTokenizer>();
  for (uint32_t seed = 0; seed < 20; ++seed) {
    GenerateRequest request = Request(seed, 30, 40);
    request.constraint = std::make_shared<Alternating>();
    HashStepper stepper;
    const Generated out = Generate(stepper, tokenizer, {&request, 1})[0];
    ASSERT_EQ(out.ids.size(), 9U);
    EXPECT_EQ(out.reason, StopReason::kEos);
    EXPECT_EQ(out.masked.tokens, 9);
    double sum = 0;
    double most = 0;
    std::vector<TokenId> held = request.prompt;
    for (size_t i = 0; i < out.ids.size(); ++i) {
      float best = -1;
      TokenId choice = kEos;
      float all = -1;
      for (TokenId token = 0; token < kVocab; ++token) {
        const auto logit = static_cast<float>(Hash(held, static_cast<uint32_t>(token)) % 9973);
        all = std::max(all, logit);
        const bool allowed =
            i == 8 ? token == kEos : token >= 2 && static_cast<size_t>(token) % 2 == i % 2;
        if (allowed && logit > best) best = logit, choice = token;
      }
      EXPECT_EQ(out.ids[i], choice);
      // Logits lie so far apart that the likeliest has (almost) all.
      if (std::abs(all - best) > 40) sum += 1, most = 1;
      held.push_back(out.ids[i]);
    }
    if (most == 1) {
      EXPECT_NEAR(out.masked.max, 1, 1e-9);
    }
    EXPECT_NEAR(out.masked.mean(), sum / 9, 0.23);
    // Drafts change nothing under a constraint either.
    const auto drafter = std::make_shared<Prompter>(out.ids, 4, 0);
    drafter->likeliest_ = false;
    request.drafter = drafter;
    HashStepper again;
    const Generated drafted = Generate(again, tokenizer, {&request, 1})[0];
    ExpectSame(drafted, out);
    EXPECT_EQ(drafted.masked.sum, out.masked.sum);
  }
}

}  // namespace
}  // namespace dear
