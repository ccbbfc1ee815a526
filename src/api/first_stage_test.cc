#include "api/first_stage.h"

#include <gmock/gmock.h>

#include "api/testing/temporary_files.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FirstStageTest : public ::testing::Test {
 protected:
  std::vector<std::string> Find(const std::string& topics, const std::string& corpus,
                                size_t depth = 10, int threads = 2) {
    ThreadPool pool(threads);
    FirstStage search(
        {.topics = files_.Plain("topics", topics), .corpus = files_.Plain("corpus", corpus)}, {},
        depth, pool);
    return search.Find(0, search.size());
  }

  TemporaryFiles files_;
};

TEST_F(FirstStageTest, LinesOfARun) {
  const auto found = Find("q1\tcats\nq2\tnothing\nq3\tdog\n", "b\tcat\nc\tdog cat\na\tcat\n");
  ASSERT_EQ(found.size(), 3U);
  EXPECT_THAT(found[0], ::testing::MatchesRegex("q1 Q0 a 1 0\\.[0-9]{4}00 dear-bm25\n"
                                                "q1 Q0 b 2 0\\.[0-9]{6} dear-bm25\n"
                                                "q1 Q0 c 3 0\\.[0-9]{4}00 dear-bm25\n"));
  EXPECT_EQ(found[1], "");
  EXPECT_EQ(found[2].substr(0, 10), "q3 Q0 c 1 ");
  EXPECT_EQ(Find("q1\tcats\n", "b\tcat\nc\tdog cat\na\tcat\n", 1, 1).front(),
            found[0].substr(0, found[0].find('\n') + 1));
}

TEST_F(FirstStageTest, TitlesAreSearchedToo) {
  EXPECT_THAT(Find("q\tcats\n", R"({"id": 7, "title": "Cat", "text": "dog"})").front(),
              HasSubstr("q Q0 7 1 "));
}

TEST_F(FirstStageTest, Errors) {
  EXPECT_THAT(ErrorOf([&] { Find("q\tx\n", "a\tcat\nb\tdog\na\tcat\n"); }),
              HasSubstr("corpus: line 3: passage 'a' was there before"));
  EXPECT_THAT(ErrorOf([&] { Find("q\tx\nq\ty\n", "a\tcat\n"); }),
              HasSubstr("topics: line 2: topic 'q' was there before, with another text"));
  EXPECT_THAT(ErrorOf([&] { Find("q\tx\n", "a b\tcat\n"); }), HasSubstr("'a b' has white space"));
  EXPECT_THAT(ErrorOf([&] { Find("q 1\tx\n", "a\tcat\n"); }), HasSubstr("'q 1' has white space"));
  EXPECT_THAT(ErrorOf([&] { Find("q\tx\n", "\n"); }), HasSubstr("corpus: is empty"));
}

TEST(RunScores, AreAnserinis) {
  // The example in its ScoreTiesAdjusterReranker, as Java prints it.
  EXPECT_THAT(RunScores({23.439316F, 22.087432F, 22.087432F, 21.602508F}),
              ElementsAre("23.439301", "22.087400", "22.087399", "21.602501"));
  EXPECT_THAT(RunScores({6.21695F}), ElementsAre("6.216900"));
  EXPECT_THAT(RunScores({3, 3, 3}), ElementsAre("3.000000", "2.999999", "2.999998"));
  EXPECT_TRUE(RunScores({}).empty());
}

}  // namespace
}  // namespace dear
