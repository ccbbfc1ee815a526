// The same answers with and without a prefix cache, over a tiny model: bit for bit, whatever it
// held, and with every token accounted for.
#include <gtest/gtest.h>

#include <random>

#include "model/testing/golden_case.h"
#include "rank/model_language_model.h"
#include "rank/testing/fakes.h"

namespace dear {
namespace {

using Ids = std::vector<TokenId>;

class CachedPrefixes : public ::testing::Test {
 protected:
  size_t Below(size_t n) { return static_cast<size_t>(random_() % n); }
  Ids RandomIds(size_t count) {
    Ids ids(count);
    for (TokenId& id : ids) id = static_cast<TokenId>(8 + Below(50));
    return ids;
  }
  // Prompts of which many begin as earlier ones do.
  std::vector<Ids> Prompts() {
    std::vector<Ids> prompts(1 + Below(12));
    for (Ids& prompt : prompts) {
      if (!pool_.empty() && Below(4) > 0) {
        prompt = pool_[Below(pool_.size())];
        prompt.resize(1 + Below(prompt.size()));
      }
      const Ids more = RandomIds(1 + Below(90));
      prompt.insert(prompt.end(), more.begin(), more.end());
      if (prompt.size() > 300) prompt.resize(300);
      pool_.push_back(prompt);
    }
    return prompts;
  }

  ModelLanguageModel Open(const std::shared_ptr<const Model>& model,
                          const std::shared_ptr<const Adapter>& adapter,
                          const std::shared_ptr<PrefixCache>& prefixes) {
    return ModelLanguageModel({.model = model,
                               .adapter = adapter,
                               .tokenizer = std::make_shared<testing::FakeTokenizer>(),
                               .pool = threads_,
                               .prefixes = prefixes});
  }

  // Random calls of both, with the same answers; returns what was taken from the cache.
  int64_t Compare(ModelLanguageModel& plain, ModelLanguageModel& cached, int calls) {
    Usage without;
    Usage with;
    for (int call = 0; call < calls; ++call) {
      const std::vector<Ids> prompts = Prompts();
      if (plain.has_score_head()) {
        std::vector<int64_t> positions;
        positions.reserve(prompts.size());
        for (const Ids& prompt : prompts)
          positions.push_back(static_cast<int64_t>(Below(prompt.size())));
        EXPECT_EQ(plain.Classify(prompts, positions, &without, {}),
                  cached.Classify(prompts, positions, &with, {}));
        EXPECT_EQ(plain.ClassifyPadded(prompts, 4, 60, &without, {}),
                  cached.ClassifyPadded(prompts, 4, 60, &with, {}));
        continue;
      }
      if (Below(3) == 0) {
        const Ids tokens = {9, 12, 30};
        EXPECT_EQ(plain.TokenLogits(prompts, tokens, &without, {}),
                  cached.TokenLogits(prompts, tokens, &with, {}));
      } else if (Below(2) == 0) {
        std::vector<ContinuationScoreRequest> requests;
        requests.reserve(prompts.size());
        for (const Ids& prompt : prompts) requests.push_back({prompt, RandomIds(1 + Below(9))});
        EXPECT_EQ(plain.ScoreContinuations(requests, &without, {}),
                  cached.ScoreContinuations(requests, &with, {}));
      } else {
        std::vector<ContinueRequest> requests;
        requests.reserve(prompts.size());
        for (const Ids& prompt : prompts)
          requests.push_back({.prompt = prompt, .max_new_tokens = 5, .stop_strings = {}});
        const auto expected = plain.Continue(requests, &without, {});
        const auto written = cached.Continue(requests, &with, {});
        for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(expected[i].ids, written[i].ids);
      }
    }
    EXPECT_EQ(with.prompt_tokens, without.prompt_tokens);
    EXPECT_EQ(with.shared_tokens, without.shared_tokens);
    EXPECT_EQ(without.cached_tokens, 0);
    EXPECT_LE(with.cached_tokens, with.prompt_tokens - with.shared_tokens);
    EXPECT_LE(with.forward_passes, without.forward_passes);
    return with.cached_tokens;
  }

  std::mt19937 random_{11};
  std::vector<Ids> pool_;
  std::shared_ptr<ThreadPool> threads_ = std::make_shared<ThreadPool>(2);
};

TEST_F(CachedPrefixes, AdaptersThatTakeTurnsOverOneCacheOfAnySize) {
  const auto test = testing::FindGolden("lora_all_linear");
  for (const Compute compute : {Compute::kReference, Compute::kFast, Compute::kInt8}) {
    const auto model = testing::LoadGolden(test, compute);
    const auto adapter = testing::BindGolden(test, *model);
    // All fits; a few blocks fit, and something goes with every call; nothing fits.
    for (const uint64_t limit : {uint64_t{1} << 30, uint64_t{1} << 17, uint64_t{1}}) {
      const auto prefixes = std::make_shared<PrefixCache>(limit);
      ModelLanguageModel plain[] = {Open(model, nullptr, nullptr), Open(model, adapter, nullptr)};
      ModelLanguageModel cached[] = {Open(model, nullptr, prefixes),
                                     Open(model, adapter, prefixes)};
      int64_t taken = 0;
      for (int turn = 0; turn < 12; ++turn) {
        taken += Compare(plain[turn % 2], cached[turn % 2], 1);
        EXPECT_LE(prefixes->bytes(), limit);
      }
      if (limit == 1) {
        EXPECT_EQ(taken, 0);
      } else {
        EXPECT_GT(taken, 0);
      }
    }
  }
}

TEST_F(CachedPrefixes, Classifiers) {
  const auto model = testing::LoadGolden(testing::FindGolden("llama_classifier_3"));
  ModelLanguageModel plain = Open(model, nullptr, nullptr);
  ModelLanguageModel cached =
      Open(model, nullptr, std::make_shared<PrefixCache>(uint64_t{1} << 22));
  EXPECT_GT(Compare(plain, cached, 20), 100);
}

}  // namespace
}  // namespace dear
