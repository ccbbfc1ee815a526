#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <numeric>

#include "base/error.h"
#include "rank/reranker.h"
#include "rank/testing/fakes.h"
#include "rank/testing/listwise_fakes.h"

namespace dear {
namespace {

using testing::Answering;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::Numbered;

RankRequest Edison() {
  RankRequest request;
  request.query = "When did Thomas Edison invent the light bulb?";
  for (const char* text :
       {"Lightning strike at Seoul National University",
        "Thomas Edison tried to invent a device for car but failed", "Coffee is good for diet",
        "KEPCO fixes light problems", "Thomas Edison invented the light bulb in 1879"}) {
    request.passages.push_back({.text = text});
  }
  return request;
}

// Ranks the passages of a card prompt by the value that each holds, largest first.
std::string Oracle(const std::string& prompt, int first_id) {
  std::vector<std::pair<int, int>> values;
  for (size_t at = prompt.find("value="); at < prompt.size(); at = prompt.find("value=", at + 1)) {
    values.emplace_back(-std::atoi(prompt.c_str() + at + 6), static_cast<int>(values.size()));
  }
  std::sort(values.begin(), values.end());
  std::string out;
  for (const auto& [value, index] : values) {
    out += (out.empty() ? "[" : " > [") + std::to_string(index + first_id) + "]";
  }
  return out;
}

TEST(Listwise, CardPromptIsTheModelCards) {
  auto model = Answering("[4] > [1] > [0] > [3] > [2]");
  const RankResult result =
      Reranker(model, LoadRecipe("dear-card")).Rank(Edison(), {.trace = true});
  EXPECT_EQ(
      result.trace.prompts.at(0),
      "I will provide you with 5 passages, each indicated by a number identifier [].\n"
      "Rank the passages based on their relevance to the search query: When did Thomas Edison "
      "invent the light bulb?.\n"
      "\n"
      "[0] Lightning strike at Seoul National University\n"
      "[1] Thomas Edison tried to invent a device for car but failed\n"
      "[2] Coffee is good for diet\n"
      "[3] KEPCO fixes light problems\n"
      "[4] Thomas Edison invented the light bulb in 1879\n"
      "\n"
      "Search Query: When did Thomas Edison invent the light bulb?.\n"
      "Rank the passages above based on their relevance to the search query. Output the ranking "
      "as a list of numbers.");
  EXPECT_THAT(result.permutation, ElementsAre(4, 1, 0, 3, 2));
  EXPECT_THAT(result.scores, ElementsAre(0.6F, 0.8F, 0.2F, 0.4F, 1.0F));
  EXPECT_EQ(result.repair, Repair::kOk);
  EXPECT_EQ(result.text, "[4] > [1] > [0] > [3] > [2]");
  EXPECT_EQ(result.windows, 1);
  const ContinueRequest& request = model->continued.at(0);
  EXPECT_EQ(request.prompt.front(), testing::FakeTokenizer::kBos);
  EXPECT_EQ(request.temperature, 0);
  EXPECT_EQ(request.max_new_tokens, 50);  // the card's figure, while it is enough
  EXPECT_EQ(result.trace.prompt_ids.at(0), request.prompt);
}

TEST(Listwise, CardCutsPassagesAtCodePointsAndThePromptAtItsEnd) {
  auto model = Answering("[1] > [0]");
  RankRequest request;
  request.query = "q";
  std::string emoji;
  for (int i = 0; i < 400; ++i) emoji += "\xF0\x9F\x98\x80";
  request.passages = {{.text = emoji}, {.text = std::string(400, 'x')}};
  RankResult result = Reranker(model, LoadRecipe("dear-card")).Rank(request, {.trace = true});
  EXPECT_THAT(result.trace.prompts[0], HasSubstr("[0] " + emoji.substr(0, 1200) + "\n[1] "));
  EXPECT_THAT(result.trace.prompts[0], HasSubstr("[1] " + std::string(300, 'x') + "\n\nSearch"));
  EXPECT_TRUE(result.notes.empty());

  result = Reranker(model, LoadRecipe("dear-card")).Rank(Numbered(200), {.trace = true});
  EXPECT_EQ(model->continued.back().prompt.size(), 2048U);
  ASSERT_EQ(result.notes.size(), 1U);
  EXPECT_THAT(result.notes[0], HasSubstr("cut to 2048 from the right"));
}

TEST(Listwise, AnswersHaveRoomForAllPassages) {
  auto model = Answering("");
  Reranker(model, LoadRecipe("dear-card")).Rank(Numbered(20));
  // 10 x "[d]" + 10 x "[dd]" + 19 x " > ", one token a character, and 16 to spare.
  EXPECT_EQ(model->continued.back().max_new_tokens, 30 + 40 + 57 + 16);
  Reranker(model, LoadRecipe("dear-card")).Rank(Numbered(20), {.max_new_tokens = 50});
  EXPECT_EQ(model->continued.back().max_new_tokens, 50);
}

TEST(Listwise, RepositoryPromptIsAConversation) {
  auto model = Answering("<think>[1] looks bad</think>\n[2] > [1]");
  RankRequest request;
  request.query = "q";
  request.passages = {{.text = " Title: Content:  a\tb "}, {.text = "c\n\nd"}};
  const RankResult result =
      Reranker(model, LoadRecipe("dear-repo")).Rank(request, {.seed = 7, .trace = true});
  const auto turn = [](const std::string& role, const std::string& text) {
    return "<|start_header_id|>" + role + "<|end_header_id|>\n\n" + text + "<|eot_id|>";
  };
  EXPECT_EQ(
      result.trace.prompts.at(0),
      "<|begin_of_text|>" +
          turn("system",
               "You are RankLLM, an assistant that ranks passages by relevance to the query.") +
          turn("user",
               "I will provide you with 2 passages, each indicated by number identifier [].\n"
               "Rank the passages based on their relevance to query: q.") +
          turn("assistant", "Okay, please provide the passages.") + turn("user", "[1] a b") +
          turn("assistant", "Received passage [1].") + turn("user", "[2] c d") +
          turn("assistant", "Received passage [2].") +
          turn("user",
               "Search Query: q.\n"
               "Rank the 2 passages above based on their relevance to the search query. The "
               "passages should be listed in descending order using identifiers.\n"
               "Please follow the steps below:\n"
               "Step 1. List the information requirements to answer the query.\n"
               "Step 2. For each requirement, find the passages containing that information.\n"
               "Step 3. Rank passages that best cover clear and diverse information. Include all "
               "passages.\n"
               "Output format strictly: [2] > [1] > [3] ... Only output the ranking using "
               "identifiers; no explanations.") +
          "<|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_THAT(result.permutation, ElementsAre(1, 0));
  EXPECT_EQ(result.text, "[2] > [1]");
  EXPECT_THAT(result.reasoning, HasSubstr("looks bad"));
  const ContinueRequest& sent = model->continued.at(0);
  EXPECT_EQ(sent.temperature, 0.5);
  EXPECT_EQ(sent.top_p, 0.9);
  EXPECT_EQ(sent.max_new_tokens, 1024);
  EXPECT_EQ(sent.seed, 7U);
}

TEST(Listwise, WindowsBringTheBestToTheFront) {
  auto model = Answering("");
  model->answer = [](const std::string& prompt) { return Oracle(prompt, 1); };
  for (const int64_t n : {1, 2, 7, 19, 20, 21, 25, 30, 45}) {
    const RankRequest request = Numbered(n);
    const RankResult result =
        Reranker(model, LoadRecipe("dear-repo")).Rank(request, {.depth = 1000});
    std::vector<int64_t> by_value(static_cast<size_t>(n));
    std::iota(by_value.begin(), by_value.end(), 0);
    std::sort(by_value.begin(), by_value.end(),
              [](int64_t a, int64_t b) { return a * 7919 % 1009 > b * 7919 % 1009; });
    // Each window carries its best ten upwards: the first ten are right, and nothing is lost.
    const auto top = static_cast<long>(std::min<int64_t>(n, 10));
    EXPECT_TRUE(std::equal(by_value.begin(), by_value.begin() + top, result.permutation.begin()))
        << n;
    EXPECT_THAT(result.permutation, ::testing::UnorderedElementsAreArray(by_value)) << n;
  }
}

// The true order of Numbered(n).
std::vector<int64_t> TrueOrder(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::ranges::greater{},
                           [](int64_t i) { return i * 7919 % 1009; });
  return order;
}

TEST(Listwise, EveryWindowOrderBringsTheBestToTheFront) {
  auto model = Answering("");
  model->answer = [](const std::string& prompt) { return Oracle(prompt, 0); };
  const Reranker reranker(model, LoadRecipe("dear-card"));
  const std::vector<int64_t> truth = TrueOrder(100);
  for (const WindowOrder order :
       {WindowOrder::kSliding, WindowOrder::kPartition, WindowOrder::kTournament}) {
    model->batches.clear();
    const RankResult result =
        reranker.Rank(Numbered(100), {.trace = true, .window = 20, .order = order});
    EXPECT_TRUE(std::equal(truth.begin(), truth.begin() + 6, result.permutation.begin()))
        << WindowOrderName(order);
    EXPECT_EQ(static_cast<size_t>(result.windows), model->continued.size());
    EXPECT_EQ(result.trace.calls.size(), model->continued.size());
    // Windows that do not depend on each other are asked at once.
    EXPECT_EQ(model->batches.size() == model->continued.size(), order == WindowOrder::kSliding);
    EXPECT_EQ(static_cast<size_t>(result.usage.forward_passes), model->batches.size());
    model->continued.clear();
  }
  const RankResult twice = reranker.Rank(Numbered(100), {.window = 20, .passes = 2});
  EXPECT_TRUE(std::equal(truth.begin(), truth.begin() + 20, twice.permutation.begin()));
  EXPECT_EQ(twice.windows, 18);
}

TEST(Listwise, SettlesTheFirstPlacesInFewerWindows) {
  auto model = Answering("");
  model->answer = [](const std::string& prompt) { return Oracle(prompt, 0); };
  const Reranker reranker(model, LoadRecipe("dear-card"));
  const RankResult all = reranker.Rank(Numbered(40), {.window = 20, .passes = 6});
  EXPECT_FALSE(all.settled);
  model->continued.clear();
  const RankResult settled = reranker.Rank(Numbered(40), {.window = 20, .passes = 6, .settle = 10});
  EXPECT_EQ(settled.permutation, all.permutation);
  EXPECT_EQ(settled.scores, all.scores);
  ASSERT_TRUE(settled.settled);
  EXPECT_EQ(settled.settled->top, 10);
  EXPECT_EQ(settled.settled->windows, static_cast<int64_t>(model->continued.size()));
  EXPECT_EQ(settled.windows, settled.settled->windows);
  EXPECT_LT(settled.windows, all.windows);
  EXPECT_EQ(settled.settled->of, all.windows);
  // One passage takes no window.
  EXPECT_EQ(reranker.Rank(Numbered(1), {.settle = 3}).settled->of, 0);
  EXPECT_THROW(reranker.Rank(Numbered(3), {.settle = 0}), Error);
}

TEST(Listwise, TheKindOfScoreDoesNotDependOnWhatWasLeftOut) {
  auto model = Answering("");
  model->logits = [](const std::string&) { return std::vector<float>{5, 4, 3, 2, 1}; };
  const RankOptions twice{.passes = 2, .settle = 1};
  const RankResult result = Reranker(model, LoadRecipe("first")).Rank(Edison(), twice);
  EXPECT_EQ(result.windows, 1);
  EXPECT_EQ(result.settled->of, 2);
  EXPECT_EQ(result.score_kind, ScoreKind::kPosition);
}

TEST(Listwise, DrawnAnswersCannotSettle) {
  const Reranker reranker(Answering("[0]"), LoadRecipe("dear-card"));
  for (const Decoding decoding : {Decoding::kSample, Decoding::kConstrained}) {
    try {
      reranker.Rank(Edison(), {.decoding = decoding, .temperature = 0.5, .settle = 3});
      FAIL() << "was not refused";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("settle: needs the same answer"));
    }
  }
}

TEST(Listwise, WindowsOfManyRequestsShareCallsAndABadOneCostsNoOther) {
  auto model = Answering("");
  model->answer = [](const std::string& prompt) {
    if (prompt.find("poison") != std::string::npos)
      throw Error(ErrorCode::kInvalidFormat, "model", "no finite logit");
    return Oracle(prompt, 0);
  };
  const Reranker reranker(model, LoadRecipe("dear-card"));
  std::vector<RankRequest> requests = {Numbered(30), Numbered(12), Numbered(45), Numbered(1)};
  const RankOptions options{.trace = true, .window = 10};
  const auto together = reranker.RankAll(requests, options);
  EXPECT_EQ(model->batches.front(), 3U);
  for (size_t i = 0; i < requests.size(); ++i) {
    ASSERT_FALSE(together[i].error);
    const RankResult alone = reranker.Rank(requests[i], options);
    EXPECT_EQ(together[i].result.permutation, alone.permutation);
    EXPECT_EQ(together[i].result.trace.prompts, alone.trace.prompts);
    EXPECT_EQ(together[i].result.usage.prompt_tokens, alone.usage.prompt_tokens);
    EXPECT_EQ(together[i].result.windows, alone.windows);
  }
  const auto before = together[0].result.permutation;
  requests[1].passages[3].text = "poison";
  requests.push_back(Numbered(5));
  requests.back().query = "";
  const auto outcomes = reranker.RankAll(requests, options);
  ASSERT_TRUE(outcomes[1].error);
  EXPECT_THAT(outcomes[1].error->what(), HasSubstr("no finite logit"));
  EXPECT_FALSE(outcomes[0].error);
  EXPECT_EQ(outcomes[0].result.permutation, before);
  EXPECT_FALSE(outcomes[2].error);
  EXPECT_THROW(reranker.Rank(requests[1], options), Error);
  const RankOptions cancelled{.cancel = [] { return true; }};
  EXPECT_THROW(reranker.RankAll(requests, cancelled), Error);
}

TEST(Listwise, RepositoryRanksTheFirstThirtyAlone) {
  auto model = Answering("");
  model->answer = [](const std::string& prompt) { return Oracle(prompt, 1); };
  const RankResult result = Reranker(model, LoadRecipe("dear-repo")).Rank(Numbered(40));
  EXPECT_EQ(result.windows, 2);
  EXPECT_EQ(result.repairs[0], 2);
  for (int64_t i = 30; i < 40; ++i) EXPECT_EQ(result.permutation[static_cast<size_t>(i)], i);
}

TEST(Listwise, BadAnswersAreRepairedAndCounted) {
  const auto rank = [](const std::string& answer) {
    return Reranker(Answering(answer), LoadRecipe("dear-card")).Rank(Edison());
  };
  EXPECT_THAT(rank("").permutation, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(rank("").repair, Repair::kWrongFormat);
  EXPECT_THAT(rank("[3] > [3] > [9] > [1]").permutation, ElementsAre(3, 1, 0, 2, 4));
  EXPECT_EQ(rank("[3] > [1]").repair, Repair::kMissing);
  EXPECT_EQ(rank("[3] > [1] > [3] > [0] > [2]").repair, Repair::kRepetition);
}

TEST(Listwise, ReasoningIsStreamedAndKeptApart) {
  auto model =
      Answering("Passage [2] is about coffee.\n### Final Reranking: [4] > [1] > [0] > [3] > [2]");
  std::string streamed;
  RankOptions options;
  options.reasoning = true;
  options.on_text = [&](std::string_view piece) { streamed += piece; };
  const RankResult result = Reranker(model, LoadRecipe("dear-card")).Rank(Edison(), options);
  EXPECT_THAT(result.permutation, ElementsAre(4, 1, 0, 3, 2));
  EXPECT_EQ(result.text, "[4] > [1] > [0] > [3] > [2]");
  EXPECT_EQ(result.reasoning, "Passage [2] is about coffee.");
  EXPECT_EQ(result.repair, Repair::kOk);
  EXPECT_THAT(streamed, HasSubstr("about coffee"));
  EXPECT_EQ(model->continued.at(0).max_new_tokens, 50 + 1024);
}

TEST(Listwise, OddRequests) {
  auto model = Answering("[0]");
  const Reranker reranker(model, LoadRecipe("dear-card"));
  RankRequest request;
  request.query = "q";
  EXPECT_TRUE(reranker.Rank(request).permutation.empty());
  request.passages = {{.text = "only"}};
  EXPECT_THAT(reranker.Rank(request).permutation, ElementsAre(0));
  EXPECT_TRUE(model->continued.empty());
  request.query = " \n";
  EXPECT_THROW(reranker.Rank(request), Error);
  EXPECT_THROW(reranker.Rank(Edison(), {.max_passage_words = 3, .max_passage_chars = 3}), Error);
  EXPECT_THROW(reranker.Rank(Edison(), {.window = 4, .step = 5}), Error);
  RankOptions cancelled;
  cancelled.cancel = [] { return true; };
  EXPECT_THROW(reranker.Rank(Edison(), cancelled), Error);
}

TEST(Listwise, PlaceholdersInTextsAreNotExpanded) {
  auto model = Answering("[0] > [1]");
  RankRequest request;
  request.query = "{passages} {num}";
  request.passages = {{.text = "{query}"}, {.text = "{id}"}};
  const RankResult result = Reranker(model, LoadRecipe("dear-card")).Rank(request, {.trace = true});
  EXPECT_THAT(result.trace.prompts[0],
              HasSubstr("search query: {passages} {num}.\n\n[0] {query}\n[1] {id}\n"));
}

TEST(Listwise, AChatRecipeNeedsAKnownTemplate) {
  auto model = Answering("");
  model->fake_tokenizer.chat_template_text = "{{ unheard of }}";
  EXPECT_THROW(Reranker(model, LoadRecipe("dear-repo")), Error);
  Recipe named = LoadRecipe("dear-repo");
  named.prompt.chat_format = "chatml";
  EXPECT_NO_THROW(Reranker(model, named));
}

TEST(Listwise, FirstTokenRanksByTheLogitsOfTheLetters) {
  auto model = Answering("");
  model->logits = [](const std::string&) { return std::vector<float>{1, 5, 3, 5, 2}; };
  const RankResult result = Reranker(model, LoadRecipe("first")).Rank(Edison(), {.trace = true});
  EXPECT_THAT(result.permutation, ElementsAre(1, 3, 2, 4, 0));
  EXPECT_EQ(result.score_kind, ScoreKind::kLogit);
  EXPECT_THAT(result.scores, ElementsAre(1, 5, 3, 5, 2));
  EXPECT_EQ(result.text, "[B] > [D] > [C] > [E] > [A]");
  EXPECT_EQ(result.repair, Repair::kOk);
  EXPECT_TRUE(result.trace.prompts.at(0).ends_with("["));
  EXPECT_EQ(model->asked_tokens.size(), 5U);
  EXPECT_EQ(model->asked_tokens[1], 'B' + testing::FakeTokenizer::kFirst);
  EXPECT_TRUE(model->continued.empty());

  // Logits of several windows cannot be compared: then the place is the score.
  const RankResult windows =
      Reranker(model, LoadRecipe("first")).Rank(Edison(), {.window = 3, .step = 2});
  EXPECT_EQ(windows.windows, 2);
  EXPECT_EQ(windows.score_kind, ScoreKind::kPosition);
  // "AA" is no single token.
  EXPECT_THROW(Reranker(model, LoadRecipe("first")).Rank(Numbered(27), {.window = 27}), Error);
}

TEST(Listwise, BeginAnswerAndThinking) {
  auto model = Answering("2] > [1]");
  Recipe recipe = LoadRecipe("rank-zephyr");
  recipe.prompt.begin_answer = "[";
  recipe.prompt.chat_format = "qwen3";
  RankResult result = Reranker(model, recipe).Rank(Numbered(2), {.trace = true});
  EXPECT_THAT(result.permutation, ElementsAre(1, 0));
  EXPECT_EQ(result.repair, Repair::kOk);
  EXPECT_TRUE(result.trace.prompts.at(0).ends_with("<think>\n\n</think>\n\n["));
  recipe.prompt.begin_answer = "";
  result = Reranker(model, recipe).Rank(Numbered(2), {.reasoning = true, .trace = true});
  EXPECT_TRUE(result.trace.prompts.at(0).ends_with("<|im_start|>assistant\n"));
}

TEST(Listwise, AReasoningModelIsReadBehindItsTags) {
  auto model = Answering("<think>[1] is best? no.</think>\n<answer>[3] > [1] > [2]</answer> [2]");
  Recipe recipe = LoadRecipe("reason-rank");
  recipe.prompt.chat_format = "chatml";
  const RankResult result = Reranker(model, recipe).Rank(Numbered(3));
  EXPECT_THAT(result.permutation, ElementsAre(2, 0, 1));
  EXPECT_EQ(result.text, "[3] > [1] > [2]");
  EXPECT_EQ(result.reasoning, "<think>[1] is best? no.</think>");
  EXPECT_EQ(model->continued.at(0).max_new_tokens, 3072 + 100);
}

}  // namespace
}  // namespace dear
