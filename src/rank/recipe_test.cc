#include "rank/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

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
  EXPECT_THAT(RecipeNames(),
              ElementsAre("dear-card", "dear-pointwise-card", "dear-repo", "query-likelihood"));
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
    EXPECT_THAT(error.message(), HasSubstr("dear-card, dear-pointwise-card"));
  }
}

// kSingleTurn with one text in it changed, and the words that the message must hold.
struct BadRecipe {
  const char* from;
  const char* to;
  const char* words;
};

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
      {"kind: listwise", "kind: pointwise", "'pair' is missing"},
      {"kind: listwise", "kind: query_likelihood", "'messages' "},
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
      if (std::string(change.words) != "'messages' ") {
        EXPECT_THAT(error.what(), HasSubstr(change.words));
      }
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
