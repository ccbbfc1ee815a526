#include "api/negative_passages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/testing/temporary_files.h"

namespace dear {
namespace {

using ::testing::ElementsAre;

TEST(PassageKeysTest, CaseAndWhiteSpaceTellNothingAndTitlesStandApart) {
  const PassageKeys plain = PassageKeys::Of("", "The Flea  lives");
  EXPECT_EQ(plain.text, PassageKeys::Of("", "the flea lives ").text);
  EXPECT_EQ(plain.text, plain.whole);
  const PassageKeys titled = PassageKeys::Of("Fleas", "the flea lives");
  EXPECT_EQ(titled.text, plain.text);
  EXPECT_NE(titled.whole, plain.whole);
  // Some files join the two.
  EXPECT_EQ(titled.whole, PassageKeys::Of("", "Fleas the flea lives").whole);
  // A title alone is the text.
  EXPECT_EQ(PassageKeys::Of("Fleas", " ").text, PassageKeys::Of("", "fleas").text);
}

TEST(NegativePassagesTest, OfEqualPositivesTheFirstIsHeldUnderAllTopics) {
  NegativePassages passages;
  passages.Add("", "One", 0);
  passages.Add("T", "Two", 1);
  passages.Add("", "one ", 1);
  passages.Add("", "One", 0);
  ASSERT_EQ(passages.size(), 2U);
  EXPECT_EQ(passages.Read(0).text, "One");
  EXPECT_EQ(passages.ReadForIndex(1), "T Two");
  EXPECT_EQ(passages.keys(1).whole, PassageKeys::Of("T", "Two").whole);
  EXPECT_THAT(passages.OfTopic(0), ElementsAre(0U));
  EXPECT_THAT(passages.OfTopic(1), ElementsAre(1U, 0U));
  EXPECT_TRUE(passages.IsOfTopic(0, 1));
  EXPECT_FALSE(passages.IsOfTopic(1, 0));
}

TEST(NegativePassagesTest, ACorpusIsReadWhereItLies) {
  const TemporaryFiles files;
  NegativePassages passages(files.Plain("c.jsonl",
                                        "{\"id\": \"a\", \"title\": \"T\", \"text\": \"x\"}\n"
                                        "{\"id\": \"b\", \"text\": \"y\"}\n"),
                            {});
  ASSERT_EQ(passages.size(), 2U);
  EXPECT_EQ(passages.ReadForIndex(0), "T x");
  EXPECT_EQ(passages.Read(1).id, "b");
  EXPECT_EQ(passages.keys(0).text, PassageKeys::Of("T", "x").text);
}

}  // namespace
}  // namespace dear
