#include "api/hard_negatives.h"

#include <gmock/gmock.h>

#include <set>

#include "api/testing/temporary_files.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Strings = std::vector<std::string>;

class HardNegativesTest : public ::testing::Test {
 protected:
  std::vector<Json> MineAll(const std::string& pairs, const std::string& corpus,
                            const HardNegativeOptions& options, int threads = 2) {
    ThreadPool pool(threads);
    HardNegatives negatives(files_.Plain("pairs.jsonl", pairs),
                            corpus.empty() ? "" : files_.Plain("corpus.jsonl", corpus), options,
                            pool);
    report_ = negatives.report();
    std::vector<Json> rows;
    for (const auto& row : negatives.Mine(0, negatives.size())) {
      rows.push_back(Json::parse(row.line));
      EXPECT_EQ(row.added, rows.back()[kMinedScores].size());
    }
    return rows;
  }

  // The negatives of the first row.
  Strings Mine(const std::string& pairs, const std::string& corpus,
               const HardNegativeOptions& options) {
    const std::vector<Json> rows = MineAll(pairs, corpus, options);
    Strings texts;
    for (const Json& negative : rows.at(0)["negatives"])
      texts.push_back(negative.is_string() ? negative.get<std::string>()
                                           : negative["text"].get<std::string>());
    return texts;
  }

  TemporaryFiles files_;
  HardNegatives::Report report_;
};

std::string Pair(const std::string& query, const std::string& positive,
                 const std::string& topic = "t") {
  return Json{{"query", query}, {"positive", positive}, {"topic", topic}}.dump() + "\n";
}

// Passages that have the word cat more and more often among others: the later the better.
std::string Cats(int count) {
  std::string corpus;
  for (int i = 0; i < count; ++i) {
    std::string text = "passage" + std::to_string(i);
    for (int j = 0; j < count; ++j) text += j <= i ? " cat" : " dog";
    corpus += std::to_string(i) + "\t" + text + "\n";
  }
  return corpus;
}

Strings Names(const Strings& texts) {
  Strings names;
  names.reserve(texts.size());
  for (const std::string& text : texts) names.push_back(text.substr(7, text.find(' ') - 7));
  return names;
}

TEST_F(HardNegativesTest, TakesThePositivesOfOthersByDefault) {
  EXPECT_THAT(Mine(Pair("cat", "a cat") + Pair("dog", "cat and dog") + Pair("bird", "cats, birds") +
                       Pair("fish", "fish") + Pair("fly", "cats, birds"),
                   "", {}),
              ElementsAre("cat and dog", "cats, birds"));
}

TEST_F(HardNegativesTest, NeverAPositiveNorOneTwice) {
  const std::string pairs = Pair("Who is it?", "The cat  is it") +
                            Pair("who IS  it?", "is it a cat") + Pair("other", "it is, is it");
  // Everything but the last is the text of a positive of the query, or was there already.
  const std::string corpus =
      "1\tthe CAT is it \n2\tIs it a\xC2\xA0"
      "cat\n3\tit is, is it cat\n4\tIT is,  is it cat\n";
  EXPECT_THAT(Mine(pairs, corpus, {}), IsEmpty());  // stop words alone
  const std::string cats = Pair("cat", "The cat  is it") + Pair("CAT", "is it a cat");
  EXPECT_THAT(Mine(cats, corpus, {}), ElementsAre("it is, is it cat"));
  // Nor what the row has already, which stays in front.
  const std::string row =
      R"({"query": "cat", "positive": "a", )"
      R"("negatives": ["THE cat is it", {"title": "it is,", "text": "is it cat"}]})";
  EXPECT_THAT(Mine(row, corpus, {}), ElementsAre("THE cat is it", "is it cat",
                                                 "Is it a\xC2\xA0"
                                                 "cat"));
}

TEST_F(HardNegativesTest, NumberDepthAndSkip) {
  const std::string pairs = Pair("cat", "other");
  EXPECT_THAT(Names(Mine(pairs, Cats(9), {.negatives = 3})), ElementsAre("8", "7", "6"));
  EXPECT_THAT(Names(Mine(pairs, Cats(9), {.negatives = 3, .depth = 4, .skip = 2})),
              ElementsAre("6", "5"));
  EXPECT_THAT(ErrorOf([&] { Mine(pairs, Cats(9), {.depth = 2, .skip = 2}); }), HasSubstr("skip"));
  EXPECT_THAT(ErrorOf([&] { Mine(pairs, Cats(9), {.negatives = 0}); }), HasSubstr("negatives"));
}

TEST_F(HardNegativesTest, DrawsByTheSeedAndKeepsTheOrder) {
  const std::string pairs = Pair("cat", "other") + Pair("cat", "other two");
  const HardNegativeOptions options{.negatives = 4, .depth = 20, .skip = 2, .sample = true};
  std::set<Strings> seen;
  std::set<std::string> names;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    HardNegativeOptions seeded = options;
    seeded.seed = seed;
    const std::vector<Json> rows = MineAll(pairs, Cats(30), seeded);
    const auto scores = rows[0][kMinedScores].get<std::vector<double>>();
    EXPECT_EQ(scores.size(), 4U);
    EXPECT_TRUE(std::ranges::is_sorted(scores, std::greater<>()));
    const Strings drawn = Names(rows[0]["negatives"].get<Strings>());
    seen.insert(drawn);
    names.insert(drawn.begin(), drawn.end());
    if (seed == 0) {
      EXPECT_NE(rows[0]["negatives"], rows[1]["negatives"]);
      EXPECT_EQ(MineAll(pairs, Cats(30), seeded, 1), rows);
    }
  }
  EXPECT_GT(seen.size(), 35U);
  EXPECT_EQ(names.size(), 18U);  // ranks 3 to 20
  EXPECT_FALSE(names.contains("29"));
  EXPECT_FALSE(names.contains("9"));
}

TEST_F(HardNegativesTest, FillsUpAtRandomOnlyWhenAsked) {
  const std::string pairs = Pair("cat", "other");
  const std::string corpus = "1\tcat\n2\tdog\n3\tOTHER\n4\tbird\n5\t \n6\tfish\n7\tDog\n";
  EXPECT_THAT(Mine(pairs, corpus, {.negatives = 3}), ElementsAre("cat"));
  std::set<std::string> drawn;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const Json row =
        MineAll(pairs, corpus, {.negatives = 3, .seed = seed, .fill_random = true}).at(0);
    EXPECT_EQ(row["negatives"][0], "cat");
    EXPECT_TRUE(row[kMinedScores][0].is_number());
    EXPECT_TRUE(row[kMinedScores][2].is_null());
    EXPECT_NE(row["negatives"][1], row["negatives"][2]);
    drawn.insert({row["negatives"][1].get<std::string>(), row["negatives"][2].get<std::string>()});
  }
  drawn.erase("Dog");
  EXPECT_THAT(drawn, ElementsAre("bird", "dog", "fish"));
  // All there are, never one twice, and not what was skipped.
  EXPECT_EQ(Mine(pairs, corpus, {.negatives = 9, .fill_random = true}).size(), 4U);
  EXPECT_EQ(Mine(pairs, corpus, {.negatives = 9, .skip = 1, .fill_random = true}).size(), 3U);
}

TEST_F(HardNegativesTest, OfTheSameTopic) {
  const std::string pairs = Pair("cat", "one cat", "a") + Pair("cow", "two cats", "b") +
                            Pair("dog", "three cats", "a") + Pair("hen", "two cats", "a") +
                            Pair("pig", "four pigs", "a") + Pair("bat", "five bats", "b");
  EXPECT_THAT(Mine(pairs, "", {.same_topic = true}), ElementsAre("two cats", "three cats"));
  const Strings filled = Mine(pairs, "", {.same_topic = true, .fill_random = true});
  EXPECT_THAT(filled, ElementsAre("two cats", "three cats", "four pigs"));
  EXPECT_THAT(ErrorOf([&] { Mine(pairs, "1\tx\n", {.same_topic = true}); }),
              HasSubstr("same_topic"));
  EXPECT_THAT(ErrorOf([&] {
                Mine(pairs + R"({"query": "q", "positive": "p"})", "", {.same_topic = true});
              }),
              HasSubstr("pairs.jsonl:7: field 'topic'"));
}

TEST_F(HardNegativesTest, TitlesAndIdsOfACorpus) {
  const std::string corpus = R"({"_id": "x", "title": "Cats", "text": "they purr"}
{"_id": "y", "title": "Cats", "text": "they hunt"}
)";
  // A positive that joins title and text is still known.
  const Json row = MineAll(Pair("cat", "cats they PURR"), corpus, {}).at(0);
  EXPECT_EQ(row["negatives"],
            Json::parse(R"([{"docid": "y", "title": "Cats", "text": "they hunt"}])"));
}

TEST_F(HardNegativesTest, SaysWhichRowsCannotBeUsed) {
  MineAll("{\"query\": \"q\"}\n" + Pair("cat", "x") + R"({"query": "q", "negatives": ["n"]})" +
              "\n[]\n" + R"({"query": "q", "passages": ["a", "b"], "labels": [0, 0]})",
          "1\tcat\n", {});
  EXPECT_EQ(report_.rows, 5U);
  EXPECT_EQ(report_.dropped, 4U);
  EXPECT_THAT(report_.first_dropped,
              ElementsAre(HasSubstr("pairs.jsonl:1: row: expected positive"),
                          HasSubstr("pairs.jsonl:3: passages: there is no positive one"),
                          HasSubstr("pairs.jsonl:4: row: expected an object")));
  EXPECT_THAT(ErrorOf([&] { MineAll("{\"query\": \"q\"}\n", "", {}); }),
              HasSubstr("none of its 1 rows has a query and a positive passage"));
  EXPECT_THAT(
      ErrorOf([&] { MineAll(R"({"query": "q", "positive": "p", "scores": [1]})", "", {}); }),
      HasSubstr("pairs.jsonl:1: field 'scores'"));
  EXPECT_THAT(ErrorOf([&] { MineAll(Pair("cat", "x"), "1\ta\nbroken\n", {}); }),
              HasSubstr("corpus.jsonl: line 2: expected an id, a tab and a text"));
}

TEST_F(HardNegativesTest, KnowsItsOwnRows) {
  ThreadPool pool(1);
  HardNegatives negatives(files_.Plain("pairs.jsonl", Pair("cat", "a") + Pair("dog", "b")), "", {},
                          pool);
  const Json record = Json::parse(negatives.Mine(1, 2).front().line);
  EXPECT_TRUE(negatives.Matches(1, record));
  EXPECT_FALSE(negatives.Matches(0, record));
  EXPECT_FALSE(negatives.Matches(0, Json("text")));
}

}  // namespace
}  // namespace dear
