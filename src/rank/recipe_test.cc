#include "rank/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/error.h"
#include "rank/placeholders.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kSingleTurn = R"(
kind: listwise
ids: letters
query: {cut: {words: 32}}
passage: {escape_ids: true, cut: {tokens: 100}}
prompt:
  messages:
    - {role: system, content: You are RankLLM}
    - {role: user, content: "{num}: {query}\n{passages}\nRank."}
  passage: "[{id}] {passage}"
  separator: "\n\n"
  chat_format: zephyr
decoding: {temperature: 0.7, top_k: 40, top_p: 0.8, max_new_tokens: 100}
answer: {pattern: '\[([A-Z])\]', after: "</think>"}
window: {size: 4, step: 2}
)";

TEST(Recipe, ShippedOnesAreListedAndLoad) {
  EXPECT_THAT(
      RecipeNames(),
      ElementsAre("bge-gemma", "dear-card", "dear-card-reasoning", "dear-pointwise-card",
                  "dear-pointwise-repo", "dear-repo", "first", "mxbai-v2", "query-likelihood",
                  "qwen-thinking", "qwen3-reranker", "rank-alpha", "rank-gpt", "rank-vicuna",
                  "rank-zephyr", "rankllama", "rankllama-text", "reason-rank", "yes-no"));
  for (const std::string& name : RecipeNames()) {
    const Recipe recipe = LoadRecipe(name);
    EXPECT_EQ(recipe.name, name);
    EXPECT_FALSE(recipe.description.empty());
  }
  const Recipe card = LoadRecipe("dear-card");
  EXPECT_EQ(card.prompt.truncate, 2048);
  EXPECT_TRUE(card.prompt.special_tokens);
  EXPECT_EQ(card.passage.cut.unit, CutUnit::kChars);
  EXPECT_EQ(card.passage.cut.length, 300);
  const Recipe reasoning = LoadRecipe("dear-card-reasoning");
  EXPECT_EQ(reasoning.prompt.text, card.prompt.text);
  EXPECT_EQ(reasoning.prompt.passage, card.prompt.passage);
  EXPECT_EQ(reasoning.prompt.special_tokens, card.prompt.special_tokens);
  EXPECT_EQ(reasoning.prompt.truncate, card.prompt.truncate);
  EXPECT_EQ(reasoning.passage.cut.length, card.passage.cut.length);
  EXPECT_EQ(reasoning.answer.pattern, card.answer.pattern);
  EXPECT_EQ(reasoning.reasoning.after, card.reasoning.after);
  EXPECT_TRUE(reasoning.reasoning.always);
  EXPECT_FALSE(card.reasoning.always);
}

TEST(Recipe, OtherFamiliesNeedNoCode) {
  const Recipe recipe = ParseRecipe(kSingleTurn, "mine", "mine.yaml");
  EXPECT_EQ(recipe.name, "mine");
  EXPECT_EQ(recipe.ids, IdStyle::kLetters);
  EXPECT_EQ(recipe.prompt.chat_format, "zephyr");
  EXPECT_FALSE(recipe.prompt.special_tokens);
  EXPECT_THAT(recipe.answer.after, ElementsAre("</think>"));
  EXPECT_EQ(recipe.decoding.max_new_tokens, 100);
  EXPECT_EQ(recipe.window.step, 2);
}

TEST(Recipe, FilesAreLoadedByTheirPath) {
  const std::filesystem::path path = std::filesystem::path(::testing::TempDir()) / "my-recipe.yaml";
  std::ofstream(path) << kSingleTurn;
  EXPECT_EQ(LoadRecipe(path.string()).name, "my-recipe");
  std::filesystem::remove(path);
  EXPECT_THROW(LoadRecipe(path.string()), Error);
  try {
    LoadRecipe("no-such");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_THAT(error.message(),
                HasSubstr("dear-card, dear-card-reasoning, dear-pointwise-card, "));
  }
}

// kSingleTurn with one text in it changed, and the words that the message must hold.
struct BadRecipe {
  const char* from;
  const char* to;
  const char* words;
};

// Turns of one passage may share out what a prompt must show.
TEST(Recipe, TurnsShowTheQueryAndEachPassageWithItsId) {
  const auto error_of = [](const std::string& ask, const std::string& show,
                           const std::string& receive) {
    try {
      ParseRecipe("kind: listwise\nprompt:\n  messages:\n    - {role: user, content: '" + ask +
                      "'}\n    - each_passage:\n      - {role: user, content: '" + show +
                      "'}\n      - {role: assistant, content: '" + receive +
                      "'}\ndecoding: {first_token: true}\n",
                  "mine", "mine.yaml");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(error_of("{query}", "[{id}] {passage}", "Received."), "");
  EXPECT_EQ(error_of("{query}", "{title}: {text}", "Received [{id}]."), "");
  EXPECT_EQ(error_of("Rank.", "[{id}] {passage}", "For {query}, received."), "");
  EXPECT_THAT(error_of("Rank.", "[{id}] {passage}", "Received."),
              HasSubstr("mine.yaml:2: field 'prompt' misses the placeholder {query}"));
  EXPECT_THAT(error_of("{query}", "{passage}", "Received."),
              HasSubstr("mine.yaml:2: field 'prompt' misses the placeholder {id}"));
  EXPECT_THAT(error_of("{query}", "[{id}] {title}", "Received."),
              HasSubstr("mine.yaml:2: field 'prompt' misses the placeholder {passage} or {text}"));
}

// All passages, or all queries, would have one score.
TEST(Recipe, QueryLikelihoodShowsThePassageAndScoresTheQuery) {
  const auto error_of = [](const std::string& prompt, const std::string& continuation) {
    try {
      ParseRecipe("kind: query_likelihood\nprompt: {text: '" + prompt + "'}\ncontinuation: '" +
                      continuation + "'\n",
                  "mine", "mine.yaml");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(error_of("{passage}", "{query}"), "");
  EXPECT_EQ(error_of("{title}: {text}", " {query}?"), "");
  EXPECT_THAT(error_of("Passage:", "{query}"),
              HasSubstr("mine.yaml:2: field 'prompt' misses the placeholder {passage} or {text}"));
  EXPECT_THAT(error_of("{passage}", "Question"),
              HasSubstr("mine.yaml:3: field 'continuation' misses the placeholder {query}"));
}

TEST(Recipe, BadFilesNameLineAndField) {
  const BadRecipe bad[] = {
      {"kind: listwise", "kind: sideways", "mine.yaml:2: field 'kind' is 'sideways'"},
      {"kind: listwise", "", "'kind' is missing"},
      {"ids: letters", "ids: letters\nextra: 1", "mine.yaml:4: field 'extra' is not known"},
      {"words: 32", "words: 0",
       "mine.yaml:4: field 'query.cut.words' must be a whole number from 1"},
      {"words: 32", "words: 99999999999999999999", "'query.cut.words'"},
      {"words: 32", "words: 3, chars: 4", "'query.cut' must hold one of"},
      {"role: system", "role: robot", "'prompt.messages[0].role'"},
      {"You are RankLLM", "'{id}'", "'prompt.messages[0].content' has the placeholder {id}"},
      {"{passages}", "nothing", "'prompt' must show the passages once"},
      {"{passages}", "{passages}{passages}", "not 2 times"},
      {"  passage: \"[{id}] {passage}\"\n", "", "'prompt' needs 'passage'"},
      {"chat_format: zephyr", "chat_format: nobody", "nobody"},
      {"temperature: 0.7", "temperature: nan", "'decoding.temperature' must be a number"},
      {"top_p: 0.8", "top_p: 1.5", "'decoding.top_p'"},
      {", max_new_tokens: 100", "", "'decoding.max_new_tokens' or enough_for_ranking"},
      {"pattern: '\\[([A-Z])\\]'", "pattern: '(('", "'answer.pattern' is no regular expression"},
      {"step: 2", "step: 5", "'window.step'"},
      {"size: 4, ", "", "'window.size' is missing"},
      {"escape_ids: true", "escape_ids: yes", "'passage.escape_ids' must be true or false"},
      {"kind: listwise", "kind: pointwise", "'prompt.messages' belongs to listwise recipes"},
      {"kind: listwise", "kind: query_likelihood", "'prompt.messages' belongs to listwise"},
      {"[{id}] {passage}", "[{id}]", "'prompt' misses the placeholder {passage}"},
      {"[{id}] {passage}", "{passage}", "'prompt' misses the placeholder {id}"},
      {"{query}", "it", "'prompt' misses the placeholder {query}"},
      {"max_new_tokens: 100", "max_new_tokens: 100, first_token: true", "exclude each other"},
      {"tokens: 100", "tokens: 100, for_passages: 20",
       "'passage.cut.for_passages' belongs to words"},
      {"words: 32", "words: 32, for_passages: 20", "'query.cut' of a query"},
      {"separator: \"\\n\\n\"", "shrink: slowly",
       "'prompt.shrink' is 'slowly', but must be one of"},
      {"answer: {", "answer: {valid: '[', ", "'answer.valid' is no regular expression"},
      {"answer: {", "answer: {counted: '(?<n>', ", "'answer.counted' is no regular expression"},
      {"window:", "reasoning: {always: maybe}\nwindow:",
       "'reasoning.always' must be true or false"},
      {"escape_ids: true", "with_title: '{name}'",
       "'passage.with_title' has the placeholder {name}"},
  };
  for (const BadRecipe& change : bad) {
    std::string yaml = kSingleTurn;
    const size_t at = yaml.find(change.from);
    ASSERT_NE(at, std::string::npos) << change.from;
    yaml.replace(at, std::string(change.from).size(), change.to);
    try {
      ParseRecipe(yaml, "mine", "mine.yaml");
      ADD_FAILURE() << change.from << " -> " << change.to;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(change.words));
    }
  }
}

constexpr const char* kParts = R"(
kind: pointwise
instruction: Find it
input:
  parts:
    - {text: "head"}
    - {text: "{instruction}: {query}", max_tokens: 8}
    - {text: "{passage}", shrink: true}
  max_length: 100
score: {head: tokens, positive: "yes", negative: "no", transform: sigmoid}
)";

TEST(Recipe, BadPointwiseFilesNameLineAndField) {
  EXPECT_EQ(ParseRecipe(kParts, "mine", "mine.yaml").input.parts.size(), 3U);
  const BadRecipe bad[] = {
      {"score: {", "scores: {", "'score' is missing"},
      {"head: tokens", "head: pooled", "'score.head' is 'pooled'"},
      {"positive: \"yes\", ", "", "mine.yaml:10: field 'score.positive' is missing"},
      {"positive: \"yes\"", "positive: \"\"", "'score.positive' is empty"},
      {"positive: \"yes\"", "pooling: last_slot",
       "mine.yaml:10: field 'score.positive' is missing"},
      {"head: tokens, positive: \"yes\", negative: \"no\"", "head: linear, pooling: last_slot",
       "'score.slots' is the length of a padded row"},
      {"head: tokens, positive: \"yes\", negative: \"no\"", "head: linear, slots: 3",
       "'score.slots' is the length of a padded row"},
      {"negative", "negativ", "'score.negativ' is not known"},
      {"transform: sigmoid", "transform: softmax", "'score.transform' is 'softmax'"},
      {"transform: sigmoid", "lookup: near", "'score.lookup' is 'near'"},
      {"{query}", "query", "'input.parts' miss the placeholder {query}"},
      {"{passage}", "passage", "'input.parts[2].shrink' belongs to the part"},
      {"{passage}", "{passages}", "mine.yaml:8: field 'input.parts[2].text' has the placeholder"},
      {"instruction: Find it\n", "", "'instruction' is missing"},
      {"{instruction}: ", "", "'instruction' is given, but the placeholder"},
      {"max_tokens: 8", "max_tokens: -8", "'input.parts[1].max_tokens' must be a whole number"},
      {"max_tokens: 8", "max_share: 8", "'input.parts[1].max_share' must be a number from"},
      {"text: \"head\"", "text: \"head {text}\", shrink: true", "can have one that shrinks"},
      {"text: \"head\"", "txt: head", "'input.parts[0].text' is missing"},
      {"max_length: 100", "max_length: 100\n  counts: some", "'input.counts' is 'some'"},
      {"input:", "pair: {query: '{query}', document: '{text}'}\ninput:", "one of them alone"},
      {"kind: pointwise", "kind: query_likelihood", "'prompt' is missing"},
  };
  for (const BadRecipe& change : bad) {
    std::string yaml = kParts;
    const size_t at = yaml.find(change.from);
    ASSERT_NE(at, std::string::npos) << change.from;
    yaml.replace(at, std::string(change.from).size(), change.to);
    try {
      ParseRecipe(yaml, "mine", "mine.yaml");
      ADD_FAILURE() << change.from << " -> " << change.to;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(change.words));
    }
  }
}

// The example of docs/recipes.md is a recipe.
TEST(Recipe, TheDocumentedExampleLoads) {
  std::ifstream file(std::filesystem::path(DEAR_SOURCE_DIR) / "docs/recipes.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const size_t begin = page.find("```yaml\n") + 8;
  std::string yaml = page.substr(begin, page.find("```\n", begin) - begin);
  const Recipe recipe = ParseRecipe(yaml, "my", "my.yaml");
  EXPECT_EQ(recipe.kind, RecipeKind::kPointwise);
  EXPECT_EQ(recipe.input.parts.size(), 4U);
  EXPECT_LE(std::ranges::count(yaml, '\n'), 20);
  yaml.replace(yaml.find("shrink:"), 7, "shrinks:");
  try {
    ParseRecipe(yaml, "my", "my.yaml");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "my.yaml:11: field 'input.parts[2].shrinks' is not known");
  }
}

constexpr const char* kRankLlm = R"(method: "singleturn_listwise"
system_message: "You rank"
prefix: "{num} passages for {query}:\n"
body: "[{rank}] {candidate} ({score})\n"
suffix: "Rank {{all}} of {psg_ids}."
output_validation_regex: r"^\[\d+\]( > \[\d+\])*$"
output_extraction_regex: r"\[(\d+)\]" 
)";

TEST(RankLlmTemplate, BecomesARecipe) {
  const Recipe recipe = ParseRecipe(kRankLlm, "mine", "mine.yaml");
  EXPECT_EQ(recipe.kind, RecipeKind::kListwise);
  EXPECT_EQ(recipe.ids, IdStyle::kOneBased);
  EXPECT_EQ(recipe.prompt.blocks.at(0).messages.at(0).content, "You rank");
  EXPECT_EQ(recipe.answer.counted, R"(\[(\d+)\])");
  EXPECT_EQ(recipe.window.size, 20);
}

TEST(RankLlmTemplate, BadFilesNameLineAndField) {
  const BadRecipe bad[] = {
      {"singleturn_listwise", "pointwise", "mine.yaml:1: field 'method' is 'pointwise'"},
      {"singleturn_listwise", "pairwise", "not supported here"},
      {"singleturn_listwise", "zigzag", "must be singleturn_listwise or multiturn_listwise"},
      {"singleturn_listwise", "multiturn_listwise", "'body_user' is missing"},
      {"{rank}", "rank", "mine.yaml:4: field 'body' misses the placeholder {rank}"},
      {"{candidate}", "x", "'body' misses the placeholder {candidate}"},
      {"{query}", "q", "'prefix' misses the placeholder {query}"},
      {"{num}", "{nums}", "mine.yaml:3: field 'prefix' has the placeholder {nums}; known here are"},
      {"{num}", "{num", "known here are {query}, {num}"},
      {"{num}", "num}", "holds a single brace"},
      {"{{all}}", "{{query}}", "holds the literal text {query}"},
      {"{psg_ids}", "{score}", "'suffix' has the placeholder {score}"},
      {"You rank", "You rank {num}", "known here are none"},
      {"body: ", "bodies: ", "'body' is missing"},
      {"system_message", "systems_message", "'systems_message' is not known"},
      {"output_extraction_regex: r\"", "output_extraction_regex: r\"(",
       "mine.yaml:7: field 'output_extraction_regex' is no regular expression"},
      {")*$\"", ")*$", "'output_validation_regex' is a text without its end quote"},
      {"output_validation_regex", "output_regex", "'output_validation_regex' is missing"},
  };
  for (const BadRecipe& change : bad) {
    std::string yaml = kRankLlm;
    const size_t at = yaml.find(change.from);
    ASSERT_NE(at, std::string::npos) << change.from;
    yaml.replace(at, std::string(change.from).size(), change.to);
    try {
      ParseRecipe(yaml, "mine", "mine.yaml");
      ADD_FAILURE() << change.from << " -> " << change.to;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(change.words));
    }
  }
}

TEST(Placeholders, AreFilledInOnePass) {
  EXPECT_EQ(Fill("{a}{b}{a} {c} {", {{"a", "{b}"}, {"b", "x"}}), "{b}x{b} {c} {");
  EXPECT_EQ(Fill("{{a}}", {{"a", "1"}}), "{1}");
  EXPECT_THAT(PlaceholdersIn("{a} {A} {b_c} {} {1} {x"), ElementsAre("a", "b_c"));
}

}  // namespace
}  // namespace dear
