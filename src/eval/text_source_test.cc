#include "eval/text_source.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>

#include "base/error.h"

namespace dear::eval {
namespace {

std::string Packed(const std::string& text) {
  z_stream stream = {};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

std::string TextOf(const std::string& bytes, size_t limit = 1 << 24) {
  return std::string(TextSource::FromString(bytes, "x", limit)->text());
}

TEST(TextSourceTest, ReadsPlainAndPackedText) {
  const std::string text = std::string(200000, 'a') + "\nend";
  EXPECT_EQ(TextOf(text), text);
  EXPECT_EQ(TextOf(Packed(text)), text);
  EXPECT_EQ(TextOf(""), "");
  EXPECT_EQ(TextOf(Packed("")), "");
}

TEST(TextSourceTest, SeveralMembersAreOneText) {
  EXPECT_EQ(TextOf(Packed("one ") + Packed("") + Packed("two")), "one two");
  EXPECT_EQ(TextOf(Packed("padded") + std::string(100, '\0')), "padded");
}

TEST(TextSourceTest, EveryCutIsAnError) {
  const std::string packed = Packed("some text that is long enough to be cut at many places");
  for (size_t size = 2; size < packed.size(); ++size)
    EXPECT_THROW(TextOf(packed.substr(0, size)), Error) << size;
}

TEST(TextSourceTest, DamageIsAnError) {
  std::string packed = Packed(std::string(1000, 'x') + "yz");
  packed[packed.size() - 6] ^= 1;  // in the checksum
  EXPECT_THROW(TextOf(packed), Error);
}

TEST(TextSourceTest, ABombIsRefused) {
  const std::string packed = Packed(std::string(1 << 22, 'x'));
  EXPECT_THROW(TextOf(packed, 1 << 20), Error);
  EXPECT_EQ(TextOf(packed, 1 << 22).size(), size_t{1} << 22);
}

TEST(TextSourceTest, OpensFilesWhateverTheirName) {
  const std::string path = ::testing::TempDir() + "/packed.txt";
  std::ofstream(path, std::ios::binary) << Packed("inside");
  EXPECT_EQ(TextSource::Open(path)->text(), "inside");
  EXPECT_EQ(TextSource::Open(path)->name(), path);
  EXPECT_THROW(TextSource::Open(path + ".missing"), Error);
}

}  // namespace
}  // namespace dear::eval
