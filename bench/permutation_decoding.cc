// permutation_decoding_bench MODEL [ROUNDS [PASSAGES]]: listwise answers token by token beside
// drafted ones, with and without a constraint. A model that has not learnt the format shows what
// drafts cost at worst; under the constraint it writes a ranking by its own logits of the ids, as
// an adapter that has learnt the format does. Both ways must give the same tokens, or no figure is
// printed. Rounds are interleaved, each with a query of its own. Prints one JSON object.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "bench_main.h"
#include "formats/checkpoint.h"
#include "generate/generator.h"
#include "kernels/backend.h"
#include "rank/permutation_constraint.h"
#include "rank/permutation_drafter.h"
#include "rank/prompt.h"

namespace dear {
namespace {

const char* const kTopics[] = {
    "the light bulb",     "coffee and sleep", "glaciers",  "the printing press", "honey bees",
    "tides and the moon", "sourdough bread",  "volcanoes", "chess openings",     "the bicycle"};
const char* const kClaims[] = {"was studied for decades before anyone could explain it",
                               "is older than most people think",
                               "has been improved by many hands, none of them famous",
                               "costs less today than ever before",
                               "is measured in a way that surprises those new to it",
                               "changed how towns were built",
                               "is described in the first chapter of every handbook",
                               "was banned for a while, and came back"};

std::vector<PassageText> Passages(int round, int64_t n) {
  std::vector<PassageText> passages;
  for (int64_t i = 0; i < n; ++i) {
    const auto pick = static_cast<size_t>(i * 7 + round * 3);
    std::string text;
    for (size_t s = 0; s < 3; ++s) {
      text += std::string(s == 0 ? "What we know of " : " Besides, ") +
              kTopics[(pick + s * 5) % std::size(kTopics)] + " " +
              kClaims[(pick + s) % std::size(kClaims)] + ".";
    }
    PassageText passage;
    passage.passage = passage.text = text;
    passages.push_back(std::move(passage));
  }
  return passages;
}

struct Way {
  const char* name;
  bool constrained, drafts;
  double seconds = 0;
  int64_t passes = 0, tokens = 0, drafted = 0, accepted = 0;
  std::vector<double> ratios;  // of a round's time to that of the way without drafts
};

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.empty() ? 0 : values[values.size() / 2];
}

int Main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: permutation_decoding_bench MODEL.gguf [ROUNDS [PASSAGES]]\n");
    return 2;
  }
  const int rounds = argc > 2 ? std::max(1, std::atoi(argv[2])) : 5;
  const int64_t n = argc > 3 ? std::max(2, std::atoi(argv[3])) : 20;
  const auto pool = std::make_shared<ThreadPool>();
  const Checkpoint checkpoint = OpenCheckpoint(argv[1]);
  const auto model = Model::Load(checkpoint);
  const auto tokenizer =
      checkpoint.gguf ? Tokenizer::FromGguf(*checkpoint.gguf) : Tokenizer::Open(argv[1]);
  const Recipe recipe = LoadRecipe("dear-card");
  Way ways[] = {{"greedy", false, false},
                {"permutation", false, true},
                {"constrained, token by token", true, false},
                {"constrained", true, true}};
  Json by_round = Json::array();
  for (int round = 0; round < rounds; ++round) {
    const Prompt prompt =
        BuildListwisePrompt(recipe, nullptr, *tokenizer,
                            std::string("who explained ") + kTopics[round % 10], Passages(round, n),
                            /*reasoning=*/false);
    std::vector<TokenId> expected;
    double without = 0;
    for (Way& way : ways) {
      GenerateRequest request;
      request.prompt = prompt.ids;
      request.max_new_tokens = 8 * n;
      if (way.drafts) {
        request.drafter =
            std::make_shared<PermutationDrafter>(*tokenizer, recipe, n, false, request.prompt);
      }
      if (way.constrained) {
        request.constraint =
            std::make_shared<PermutationConstraint>(*tokenizer, recipe, n, false, request.prompt);
      }
      const auto begin = std::chrono::steady_clock::now();
      const Generated answer = Generate(model, pool, tokenizer, {&request, 1}).front();
      const double seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      if (!way.drafts) {
        expected = answer.ids;
        without = seconds;
      } else if (answer.ids != expected) {
        throw Error(ErrorCode::kInternal, "bench", "drafts changed the tokens");
      }
      way.seconds += seconds;
      way.passes += answer.forward_passes;
      way.tokens += static_cast<int64_t>(answer.ids.size());
      way.drafted += answer.drafted;
      way.accepted += answer.accepted;
      way.ratios.push_back(seconds / without);
      by_round.push_back({{"round", round},
                          {"way", way.name},
                          {"prompt_tokens", request.prompt.size()},
                          {"tokens", answer.ids.size()},
                          {"forward_passes", answer.forward_passes},
                          {"drafted", answer.drafted},
                          {"accepted", answer.accepted},
                          {"prefill_seconds", answer.prefill_seconds},
                          {"decode_seconds", answer.decode_seconds}});
    }
  }
  Json results = Json::array();
  for (const Way& way : ways) {
    results.push_back({{"way", way.name},
                       {"seconds", way.seconds / rounds},
                       {"time_to_that_without_drafts", Median(way.ratios)},
                       {"tokens", static_cast<double>(way.tokens) / rounds},
                       {"forward_passes", static_cast<double>(way.passes) / rounds},
                       {"drafted", static_cast<double>(way.drafted) / rounds},
                       {"accepted", static_cast<double>(way.accepted) / rounds}});
  }
  const Json report = {{"model", argv[1]},
                       {"backend", MakeCpuBackend(pool)->name()},
                       {"threads", pool->num_threads()},
                       {"passages", n},
                       {"same_tokens", true},
                       {"results", results},
                       {"rounds", by_round}};
  std::printf("%s\n", report.dump(1).c_str());
  return 0;
}

}  // namespace
}  // namespace dear

int main(int argc, char** argv) {
  return dear::BenchMain("permutation_decoding_bench", dear::Main, argc, argv);
}
