#include "api/text_record.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace dear {
namespace {

using ::testing::HasSubstr;

// "id|title|text" of the last line; the first tells the form.
std::string Parsed(std::string_view first_line, std::string_view line,
                   const RecordNames& names = PassageNames()) {
  const RecordForm form = RecordForm::Of(first_line, names);
  try {
    std::string storage;
    const LinePlace place{"corpus", 9};
    const std::string id(form.Id(line, place, &storage));
    const TextRecord record = form.Parse(line, place);
    EXPECT_EQ(id, record.id);
    return record.id + "|" + record.title + "|" + record.text;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidFormat);
    return error.what();
  }
}
std::string Parsed(std::string_view line, const RecordNames& names = PassageNames()) {
  return Parsed(line, line, names);
}

TEST(TextRecord, TableOfTwoColumns) {
  EXPECT_EQ(Parsed("7\tone text"), "7||one text");
  EXPECT_EQ(Parsed("7\ta text\twith a tab, \"quotes\" and http://x"),
            "7||a text\twith a tab, \"quotes\" and http://x");
  EXPECT_EQ(Parsed("7\t"), "7||");
  EXPECT_THAT(Parsed("7 no tab"), HasSubstr("corpus: line 9: expected an id, a tab and a text"));
  EXPECT_THAT(Parsed("\ttext"), HasSubstr("corpus: line 9: the id is empty"));
  EXPECT_THAT(Parsed("7\tbad \xFF"), HasSubstr("corpus: line 9: is not valid UTF-8"));
}

TEST(TextRecord, MsMarcoDocuments) {
  const std::string_view line = "D1\thttps://a.b/c\tA title\tThe body\twith a tab";
  EXPECT_EQ(Parsed("D0\thttps://a.b\tT\tB", line), "D1|A title|The body\twith a tab");
  EXPECT_THAT(Parsed("D0\thttps://a.b\tT\tB", "D2\thttps://a.b/c\tT"),
              HasSubstr("line 9: expected 4 columns, found 3"));
}

TEST(TextRecord, TableWithAHeader) {
  EXPECT_EQ(Parsed("id\ttext\ttitle", "3\t\"He said \"\"no\"\".\"\tAaron"),
            "3|Aaron|He said \"no\".");
  EXPECT_EQ(Parsed("title\tdocid\tcontents", "T\t\"d 3\"\tA \"word\""), "d 3|T|A \"word\"");
  EXPECT_THAT(Parsed("id\ttext\ttitle", "3\ttext"), HasSubstr("expected 3 columns, found 2"));
  EXPECT_EQ(Parsed("qid\tquery", "3\twho", TopicNames()), "3||who");
  EXPECT_TRUE(RecordForm::Of("qid\tquery", TopicNames()).has_header());
  EXPECT_FALSE(RecordForm::Of("qid\tquery", PassageNames()).has_header());
  EXPECT_FALSE(RecordForm::Pairs(TopicNames()).has_header());
}

TEST(TextRecord, JsonOfTheField) {
  EXPECT_EQ(Parsed(R"({"_id": "4983", "title": "T", "text": "BEIR", "metadata": {"id": "x"}})"),
            "4983|T|BEIR");
  EXPECT_EQ(Parsed(R"({"id": 12, "contents": "Anserini"})"), "12||Anserini");
  EXPECT_EQ(Parsed(R"({"docid": "m#0", "url": "u", "title": "T", "segment": "v2.1"})"),
            "m#0|T|v2.1");
  EXPECT_EQ(Parsed(R"({"pid": "p_0", "passage": "v2", "spans": "0,1", "docid": "d_0"})"),
            "p_0||v2");
  EXPECT_EQ(Parsed(R"({"text": "\u00fc", "doc_id": "a\"b"})"), "a\"b||ü");
  EXPECT_EQ(Parsed(R"({"_id": "1", "text": "who", "metadata": {}})", TopicNames()), "1||who");
  EXPECT_EQ(Parsed(R"({"query_id": 1, "query": "who"})", TopicNames()), "1||who");
  EXPECT_EQ(Parsed(R"({"qid": 1, "title": "who"})", TopicNames()), "1||who");
}

TEST(TextRecord, JsonErrorsNameTheLine) {
  EXPECT_THAT(Parsed(R"({"_id": "1", "txt": "x"})"),
              HasSubstr("corpus: line 9: '1' is a passage without a text (text, segment"));
  EXPECT_THAT(Parsed(R"({"_id": "1", "text": null})"), HasSubstr("without a text"));
  EXPECT_THAT(Parsed(R"({"_id": "1", "text": 3})"), HasSubstr("corpus: line 9: "));
  EXPECT_THAT(Parsed(R"({"text": "x"})"),
              HasSubstr("corpus: line 9: no id (_id, id, pid, docid or doc_id)"));
  EXPECT_THAT(Parsed(R"({"id": 1.5, "text": "x"})"), HasSubstr("corpus: line 9: field 'id'"));
  EXPECT_THAT(Parsed(R"({"id": "a", "text")"), HasSubstr("corpus: line 9: "));
  EXPECT_THAT(Parsed("{\"id\": \"a\", \"text\": \"\xFF\"}"), HasSubstr("corpus: line 9: "));
  EXPECT_THAT(Parsed(R"({"id": "a", "text": "x"})", "3\ttext"), HasSubstr("corpus: line 9: "));
}

}  // namespace
}  // namespace dear
