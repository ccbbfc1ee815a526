#include "api/text_records.h"

#include <gmock/gmock.h>

#include "api/testing/temporary_files.h"

namespace dear {
namespace {

using ::testing::HasSubstr;

TextRecords Records(const std::string& text) {
  return TextRecords(eval::TextSource::FromString(text, "corpus"), PassageNames());
}

TEST(TextRecordsTest, AllLinesPlainAndPacked) {
  const TemporaryFiles files;
  const std::string text =
      "\xEF\xBB\xBF"
      "a\tone\r\n \n\nb\ttwo\tmore";
  for (const auto& path : {files.Plain("c.tsv", text), files.Packed("c.gz", text)}) {
    const TextRecords records(eval::TextSource::Open(path), PassageNames());
    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records.Read(0).id, "a");
    EXPECT_EQ(records.Read(0).text, "one");
    EXPECT_EQ(records.Read(1).text, "two\tmore");
    EXPECT_EQ(records.Place(1), path.string() + ": line 4");
  }
}

TEST(TextRecordsTest, HeaderAndJson) {
  const TextRecords table = Records("id\ttext\ttitle\n1\tx\tT\n");
  ASSERT_EQ(table.size(), 1U);
  EXPECT_EQ(SearchedText(table.Read(0)), "T x");
  EXPECT_EQ(SearchedText(Records("{\"_id\": 5, \"text\": \"x\"}").Read(0)), "x");
}

TEST(TextRecordsTest, Errors) {
  EXPECT_THAT(ErrorOf([] { Records(" \n"); }), HasSubstr("corpus: is empty"));
  EXPECT_THAT(ErrorOf([] { Records("id\ttext\n"); }), HasSubstr("corpus: is empty"));
  const TextRecords records = Records("{\"id\": 1, \"text\": \"x\"}\n{\"id\": 2}\n");
  EXPECT_THAT(ErrorOf([&] { records.Read(1); }), HasSubstr("corpus: line 2: '2' is a passage"));
}

}  // namespace
}  // namespace dear
