#include "api/topics.h"

#include <gmock/gmock.h>

#include "api/testing/temporary_files.h"

namespace dear {
namespace {

using ::testing::HasSubstr;

std::string TopicOf(const std::string& text, std::string_view id) {
  IdTable wanted;
  wanted.Add(id);
  const TextCollection topics = ParseTopics(text, "topics", wanted);
  return topics.Has(0) ? topics.Read(0).text : "?";
}

constexpr std::string_view kTrec =
    "<top>\n<head> Tipster Topic\n<num> Number:  051\n<title> Topic:  Airbus\n   Subsidies \n"
    "<desc> Description:\nWhat of it?\n</top>\n\n"
    "<top>\n<num>cm-2</num>\n<title>a\tb &amp; c</title>\n</top>\n";

TEST(Topics, OneALine) {
  EXPECT_EQ(TopicOf("1\twho\n2\twhat is\tthis\n", "2"), "what is\tthis");
  EXPECT_EQ(TopicOf("{\"qid\": 1, \"query\": \"who\"}\n", "1"), "who");
  EXPECT_EQ(TopicOf("1\twho\n", "2"), "?");
  EXPECT_THAT(ErrorOf([] { TopicOf("1\twho\n1\twhat\n", "1"); }),
              HasSubstr("topics: line 2: '1' has another text than on line 1"));
  EXPECT_THAT(ErrorOf([] { TopicOf("", "1"); }), HasSubstr("topics: is empty"));
}

TEST(Topics, TrecsClassicForm) {
  const std::string text(kTrec);
  EXPECT_EQ(TopicOf(text, "51"), "Airbus Subsidies");
  EXPECT_EQ(TopicOf(text, "cm-2"), "a b &amp; c");
  EXPECT_EQ(TopicOf("\xEF\xBB\xBF\r\n" + text + text, "51"), "Airbus Subsidies");
  EXPECT_EQ(TopicOf("<top><num> Number: 000 <title> x </top>", "0"), "x");
  const auto error = [](const std::string& topics) {
    return ErrorOf([&] { TopicOf(topics, "1"); });
  };
  EXPECT_THAT(error(text + "<top>\n<num> 1\n"),
              HasSubstr("topics: line 14: a topic without <title>"));
  EXPECT_THAT(error("\n<top>\n<title> x\n"), HasSubstr("topics: line 2: a topic without <num>"));
  EXPECT_THAT(error("<top><num> <title> x"), HasSubstr("a topic whose <num> is empty"));
  EXPECT_THAT(error("<top><num> 1 2 <title> x"), HasSubstr("the <num> '1 2' has blanks"));
  EXPECT_THAT(error("<top><num>1<title>x\n<top><num>01<title>y"),
              HasSubstr("topics: line 2: topic 1 was there before"));
  EXPECT_THAT(error("<topics>"), HasSubstr("topics: begins as TREC topics but has no <top>"));
}

TEST(Topics, FilesPlainAndPacked) {
  const TemporaryFiles files;
  IdTable wanted;
  wanted.Add("51");
  const std::string trec(kTrec);
  for (const auto& path : {files.Plain("t.txt", trec), files.Packed("t.gz", trec),
                           files.Plain("t.tsv", "\n51\tAirbus Subsidies\n"),
                           files.Packed("t.tsv.gz", "51\tAirbus Subsidies\n")}) {
    const TextCollection topics = ReadTopics(path, wanted);
    EXPECT_EQ(topics.Read(0).text, "Airbus Subsidies") << path;
    EXPECT_EQ(topics.name(), path.string());
  }
}

TEST(Topics, AllOfThem) {
  const TemporaryFiles files;
  const std::string trec(kTrec);
  for (const auto& path : {files.Plain("t.txt", trec), files.Packed("t.gz", trec)}) {
    const std::vector<TextRecord> topics = ReadAllTopics(path);
    ASSERT_EQ(topics.size(), 2U) << path;
    EXPECT_EQ(topics[0].id, "51");
    EXPECT_EQ(topics[0].text, "Airbus Subsidies");
    EXPECT_EQ(topics[1].id, "cm-2");
  }
  EXPECT_EQ(ReadAllTopics(files.Plain("t.tsv", "2\tb\n1\ta\n2\tb\n")).size(), 2U);
  EXPECT_THAT(ErrorOf([&] { ReadAllTopics(files.Plain("t.tsv", "2\tb\n2\tc\n")); }),
              HasSubstr("t.tsv: line 2: topic '2' was there before"));
}

}  // namespace
}  // namespace dear
