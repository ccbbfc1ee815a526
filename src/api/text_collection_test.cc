#include "api/text_collection.h"

#include <gmock/gmock.h>

#include <fstream>

#include "api/testing/temporary_files.h"

namespace dear {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

IdTable Ids(std::initializer_list<std::string_view> ids) {
  IdTable table;
  for (const std::string_view id : ids) table.Add(id);
  return table;
}

TEST(TextCollection, FindsWhatIsWantedPlainAndPacked) {
  const TemporaryFiles files;
  std::string text = "\xEF\xBB\xBF";
  for (int i = 0; i < 20000; ++i) {
    text += std::to_string(i).append("\ttext number ").append(std::to_string(i)).append("\r\n");
    if (i % 7 == 0) text += " \n";
  }
  const IdTable wanted = Ids({"0", "19999", "absent", "123"});
  for (const auto& path : {files.Plain("c.tsv", text), files.Packed("c.gz", text)}) {
    const TextCollection corpus(path, PassageNames(), wanted);
    EXPECT_EQ(corpus.Read(0).text, "text number 0");
    EXPECT_EQ(corpus.Read(1).text, "text number 19999");
    EXPECT_FALSE(corpus.Has(2));
    EXPECT_EQ(corpus.Read(3).id, "123");
    EXPECT_EQ(corpus.num_others(), 20000U - 3);
    EXPECT_EQ(corpus.first_other(), "1");
  }
}

TEST(TextCollection, JsonOfWhichOnlyTheWantedIsParsed) {
  const IdTable wanted = Ids({"b"});
  const TextCollection corpus(
      "\n{\"id\": \"a\", \"text\": broken}\n{\"id\": \"b\", \"text\": \"two\", \"title\": \"T\"}",
      "corpus", PassageNames(), wanted);
  EXPECT_EQ(corpus.Read(0).text, "two");
  EXPECT_EQ(corpus.Read(0).title, "T");
  EXPECT_THAT(ErrorOf([&] {
                TextCollection("{\"id\": \"a\"}\n{\"text\": \"x\"}", "corpus", PassageNames(),
                               wanted);
              }),
              HasSubstr("corpus: line 2: no id"));
}

TEST(TextCollection, OneIdWithTwoTexts) {
  const TemporaryFiles files;
  const IdTable wanted = Ids({"a", "b"});
  const std::string same = "a\tone\nb\ttwo\na\tone\nc\tx\nc\ty\n";
  const std::string other = same + "b\tthree\n";
  for (const bool packed : {false, true}) {
    const auto write = [&](const std::string& text) {
      return packed ? files.Packed("c", text) : files.Plain("c", text);
    };
    EXPECT_EQ(TextCollection(write(same), PassageNames(), wanted).Read(0).text, "one");
    EXPECT_THAT(ErrorOf([&] { TextCollection(write(other), PassageNames(), wanted); }),
                AllOf(HasSubstr("c: line 6: 'b'"), HasSubstr("than on line 2")));
  }
}

TEST(TextCollection, BadFilesAreNamed) {
  const TemporaryFiles files;
  const IdTable wanted = Ids({"a"});
  const auto error = [&](const std::filesystem::path& path) {
    return ErrorOf([&] { TextCollection(path, PassageNames(), wanted); });
  };
  EXPECT_THAT(error("/absent/corpus"), HasSubstr("/absent/corpus: there is no such file"));
  EXPECT_THAT(error(files.Plain("empty", "")), HasSubstr("empty: is empty"));
  EXPECT_THAT(error(files.Plain("blank", " \n\n")), HasSubstr("blank: is empty"));
  EXPECT_THAT(error(files.Plain("header", "id\ttext\n")), HasSubstr("header: is empty"));
  EXPECT_THAT(error(files.Plain("utf8", "b\tfine\na\t\xC3\n")), HasSubstr("utf8: line 2"));
  std::string text;
  for (int i = 0; i < 20000; ++i) text += std::to_string(i * 7919).append("\ttext\n");
  const auto cut = files.Packed("cut.gz", text);
  std::filesystem::resize_file(cut, std::filesystem::file_size(cut) - 20);
  EXPECT_THAT(error(cut), HasSubstr("cut.gz: the gzip archive ends too early"));
  EXPECT_THAT(ErrorOf([&] {
                TextCollection(files.Plain("long", text), PassageNames(), wanted,
                               [] { return true; });
              }),
              HasSubstr("stopped"));
}

TEST(TextCollection, AFileThatIsChangedMeanwhile) {
  const TemporaryFiles files;
  const IdTable wanted = Ids({"a", "b"});
  const auto path = files.Plain("c.tsv", "a\tone\nb\ttwo\n");
  const TextCollection corpus(path, PassageNames(), wanted);
  std::ofstream(path, std::ios::binary) << "a\tone\n";
  EXPECT_EQ(corpus.Read(0).text, "one");
  EXPECT_THAT(ErrorOf([&] { corpus.Read(1); }), HasSubstr("c.tsv: line 2: the file was changed"));
}

}  // namespace
}  // namespace dear
