#include "model/prefix_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/error.h"
#include "model/session.h"
#include "model/testing/golden_case.h"

namespace dear {
namespace {

using Ids = std::vector<int32_t>;

Ids RandomIds(std::mt19937& random, size_t count) {
  Ids ids(count);
  for (int32_t& id : ids) id = static_cast<int32_t>(random() % 60);
  return ids;
}

// Head outputs of the tokens from `from` on.
std::vector<float> Feed(Session& session, SequenceId id, const Ids& tokens, size_t from) {
  const Step step{.sequence = id, .tokens = std::span(tokens).subspan(from), .logits_from = 0};
  return session.Forward({&step, 1}).values;
}

// Another session goes on from what one has kept of any beginning: the same bits as from the start.
TEST(PrefixCache, GoingOnGivesTheSameBits) {
  std::mt19937 random(23);
  const auto pool = std::make_shared<ThreadPool>(2);
  for (const Compute compute : {Compute::kReference, Compute::kFast, Compute::kInt8}) {
    for (const char* name : {"llama", "mistral_window", "gemma", "lora_dora_biases"}) {
      const auto test = testing::FindGolden(name);
      const auto model = testing::LoadGolden(test, compute);
      const auto adapter = test.adapter.empty() ? nullptr : testing::BindGolden(test, *model);
      PrefixCache cache(uint64_t{1} << 22);
      for (int trial = 0; trial < 4; ++trial) {
        const Ids whole = RandomIds(random, 2 + random() % 90);
        const size_t kept = 1 + random() % (whole.size() - 1);
        Session first(model, pool);
        const SequenceId id = first.Add(adapter);
        const std::vector<float> alone = Feed(first, id, whole, 0);
        first.KeepIn(cache, id, std::span(whole).first(kept));
        Session second(model, pool);
        const SequenceId again = second.AddFrom(cache, adapter, whole);
        const auto held = static_cast<size_t>(second.Length(again));
        EXPECT_GE(held, kept);
        EXPECT_LT(held, whole.size());
        const std::vector<float> behind = Feed(second, again, whole, held);
        EXPECT_TRUE(std::ranges::equal(behind, std::span(alone).last(behind.size())))
            << name << " " << kept;
        // The first one goes on as if nothing had been kept, and what was kept stays as it is.
        const Ids more = RandomIds(random, 5);
        EXPECT_EQ(Feed(first, id, more, 0), Feed(second, again, more, 0));
        const SequenceId once_more = second.AddFrom(cache, adapter, std::span(whole).first(kept));
        EXPECT_TRUE(std::ranges::equal(
            Feed(second, once_more, whole, kept),
            std::span(alone).last((whole.size() - kept) * (alone.size() / whole.size()))));
      }
    }
  }
}

TEST(PrefixCache, ModelsAndAdaptersAreKeptApart) {
  const auto test = testing::FindGolden("lora_qv");
  const auto model = testing::LoadGolden(test);
  auto adapter = testing::BindGolden(test, *model);
  const auto twin = testing::BindGolden(test, *model);
  auto other_model = testing::LoadGolden(testing::FindGolden("llama"), Compute::kFast);
  const auto pool = std::make_shared<ThreadPool>(1);
  PrefixCache cache(uint64_t{1} << 24);
  const Ids tokens(40, 5);
  const auto held = [&](const std::shared_ptr<const Model>& of,
                        const std::shared_ptr<const Adapter>& through) {
    return cache.Find(of, through, tokens).length();
  };
  const auto keep = [&](const std::shared_ptr<const Model>& of,
                        const std::shared_ptr<const Adapter>& through) {
    Session session(of, pool);
    const SequenceId id = session.Add(through);
    Feed(session, id, tokens, 0);
    session.KeepIn(cache, id, tokens);
  };
  keep(model, adapter);
  EXPECT_EQ(held(model, adapter), 40);
  EXPECT_EQ(held(model, twin), 0);
  EXPECT_EQ(held(model, nullptr), 0);
  EXPECT_EQ(held(other_model, nullptr), 0);
  const uint64_t one = cache.bytes();
  keep(other_model, nullptr);
  keep(model, nullptr);
  EXPECT_EQ(cache.bytes(), 3 * one);
  // What nobody can ask for any more is given up with the next call.
  adapter.reset();
  EXPECT_EQ(held(model, twin), 0);
  EXPECT_EQ(cache.bytes(), 2 * one);
  other_model.reset();
  EXPECT_EQ(held(model, nullptr), 40);
  EXPECT_EQ(cache.bytes(), one);
}

TEST(PrefixCache, ASequenceKeepsWhatItHolds) {
  const auto model = testing::LoadGolden(testing::FindGolden("llama"));
  Session session(model, std::make_shared<ThreadPool>(1));
  PrefixCache cache(uint64_t{1} << 20);
  const SequenceId id = session.Add();
  const Ids tokens = {1, 2, 3};
  EXPECT_THROW(session.KeepIn(cache, id, tokens), Error);
  EXPECT_THROW(session.KeepIn(cache, 77, {}), Error);
  EXPECT_EQ(session.Length(session.AddFrom(cache, nullptr, tokens)), 0);
}

}  // namespace
}  // namespace dear
