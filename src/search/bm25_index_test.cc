#include "search/bm25_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/json.h"
#include "search/length_byte.h"
#include "search/postings.h"

namespace dear {
namespace {

using Strings = std::vector<std::string>;

Bm25Index IndexOf(const Strings& texts, const Bm25Parameters& parameters = {}, int threads = 1) {
  ThreadPool pool(threads);
  return Bm25Index(
      texts.size(), [&texts](size_t i) { return texts[i]; }, parameters, pool);
}

std::vector<Bm25Hit> Search(const Bm25Index& index, std::string_view query,
                            const Bm25Index::SearchOptions& options = {}) {
  Bm25Index::Workspace workspace;
  return index.Search(query, options, &workspace);
}

std::vector<uint32_t> DocumentsOf(const std::vector<Bm25Hit>& hits) {
  std::vector<uint32_t> documents;
  documents.reserve(hits.size());
  for (const Bm25Hit& hit : hits) documents.push_back(hit.document);
  return documents;
}

TEST(Bm25IndexTest, RanksAndScoresAreLucenes) {
  const Json golden = ReadJsonFile(DEAR_SOURCE_DIR "/tests/golden/search/bm25.json");
  Strings ids;
  Strings texts;
  for (const Json& passage : golden["passages"]) {
    ids.push_back(passage[0].get<std::string>());
    texts.push_back(passage[1].get<std::string>());
  }
  std::vector<uint32_t> order(ids.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [&ids](uint32_t i) { return ids[i]; });
  std::vector<uint32_t> places(ids.size());
  for (uint32_t i = 0; i < order.size(); ++i) places[order[i]] = i;

  size_t hits_seen = 0;
  ASSERT_EQ(golden["settings"].size(), 2U);
  for (const Json& setting : golden["settings"]) {
    const Bm25Index index =
        IndexOf(texts, {.k1 = setting["k1"].get<float>(), .b = setting["b"].get<float>()});
    for (const Json& query : setting["queries"]) {
      const auto text = query["query"].get<std::string>();
      const auto hits = Search(index, text, {.depth = 30, .tie_places = places, .accept = {}});
      Strings found;
      for (const Bm25Hit& hit : hits) found.push_back(ids[hit.document]);
      EXPECT_EQ(found, query["ids"].get<Strings>()) << text;
      ASSERT_EQ(hits.size(), query["scores"].size()) << text;
      for (size_t i = 0; i < hits.size(); ++i)
        EXPECT_FLOAT_EQ(hits[i].score, query["scores"][i].get<float>()) << text << " " << i;
      hits_seen += hits.size();
    }
  }
  EXPECT_GT(hits_seen, 1000U);
}

TEST(Bm25IndexTest, OneScoreByHand) {
  // Three passages with a term: the empty one is none of them. Lengths 2, 3, 4.
  const Bm25Index index = IndexOf({"cat dog", "cat cat bird", "", "fish dog ant bee"});
  const auto hits = Search(index, "Cats");
  ASSERT_EQ(DocumentsOf(hits), (std::vector<uint32_t>{1, 0}));
  const double idf = std::log(1 + (3 - 2 + 0.5) / (2 + 0.5));
  EXPECT_NEAR(hits[0].score, idf * 2 / (2 + 0.9), 1e-6);
  EXPECT_NEAR(hits[1].score, idf / (1 + 0.9 * (0.6 + 0.4 * 2 / 3)), 1e-6);
  EXPECT_EQ(index.num_documents(), 4U);
  EXPECT_EQ(index.num_terms(), 6U);
  EXPECT_EQ(index.num_postings(), 8U);
}

TEST(Bm25IndexTest, ATermTwiceInTheQueryCountsTwice) {
  const Bm25Index index = IndexOf({"cat dog", "bird"});
  EXPECT_FLOAT_EQ(Search(index, "cat cats").front().score, 2 * Search(index, "cat").front().score);
}

TEST(Bm25IndexTest, TiesDepthAndAccept) {
  const Bm25Index index = IndexOf({"cat", "cat", "dog", "cat", "cat dog"});
  EXPECT_EQ(DocumentsOf(Search(index, "cat")), (std::vector<uint32_t>{0, 1, 3, 4}));
  const std::vector<uint32_t> places = {4, 3, 2, 1, 0};
  EXPECT_EQ(DocumentsOf(Search(index, "cat", {.depth = 2, .tie_places = places, .accept = {}})),
            (std::vector<uint32_t>{3, 1}));
  const auto odd = [](uint32_t document) { return document % 2 == 1; };
  EXPECT_EQ(DocumentsOf(Search(index, "cat", {.depth = 1, .tie_places = {}, .accept = odd})),
            (std::vector<uint32_t>{1}));
  EXPECT_TRUE(Search(index, "cat", {.depth = 0, .tie_places = {}, .accept = {}}).empty());
}

TEST(Bm25IndexTest, AWorkspaceRemembersNothing) {
  const Bm25Index index = IndexOf({"cat", "cat dog", "dog"});
  Bm25Index::Workspace workspace;
  index.Search("cat dog", {.depth = 1, .tie_places = {}, .accept = {}}, &workspace);
  const auto again = index.Search("dog", {}, &workspace);
  EXPECT_EQ(DocumentsOf(again), (std::vector<uint32_t>{2, 1}));
  EXPECT_EQ(again[0].score, Search(index, "dog")[0].score);
}

TEST(Bm25IndexTest, NothingToFind) {
  EXPECT_TRUE(Search(IndexOf({}), "cat").empty());
  EXPECT_TRUE(Search(IndexOf({"", "the of"}), "the cat").empty());
}

TEST(Bm25IndexTest, ThreadsChangeNothing) {
  Strings texts;
  for (int i = 0; i < 9000; ++i) {
    texts.push_back("w" + std::to_string(i % 7) + " w" + std::to_string(i % 1000) + " x" +
                    std::to_string(i));
  }
  const Bm25Index one = IndexOf(texts, {}, 1);
  const Bm25Index four = IndexOf(texts, {}, 4);
  EXPECT_EQ(one.num_terms(), four.num_terms());
  EXPECT_EQ(one.bytes(), four.bytes());
  const auto a = Search(one, "w3 w17 x5000");
  const auto b = Search(four, "w3 w17 x5000");
  ASSERT_EQ(DocumentsOf(a), DocumentsOf(b));
  EXPECT_THAT(DocumentsOf(a), ::testing::Contains(5000U));
  for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].score, b[i].score);
}

TEST(Bm25IndexTest, RefusesParametersThatMakeNoSense) {
  for (const Bm25Parameters wrong :
       {Bm25Parameters{.k1 = -1, .b = 0.4F}, Bm25Parameters{.k1 = 0.9F, .b = 1.5F},
        Bm25Parameters{.k1 = NAN, .b = 0.4F}}) {
    EXPECT_THROW(IndexOf({"cat"}, wrong), Error);
  }
  // Extremes that do make sense.
  EXPECT_EQ(Search(IndexOf({"cat"}, {.k1 = 0, .b = 0}), "cat").size(), 1U);
  EXPECT_EQ(Search(IndexOf({"cat", "cat cat"}, {.k1 = 1e30F, .b = 1}), "cat").size(), 2U);
}

TEST(Bm25IndexTest, Stops) {
  ThreadPool pool(1);
  const auto text = [](size_t) { return std::string("cat"); };
  EXPECT_THROW(Bm25Index(3, text, {}, pool, {}, [] { return true; }), Error);
}

TEST(PostingsTest, GiveBackWhatWasAdded) {
  const std::vector<std::pair<uint32_t, uint32_t>> all = {
      {0, 1}, {1, 2}, {63, 1}, {64, 128}, {200, 1}, {70000, 1U << 31}, {4294967294U, 1}};
  Postings postings;
  for (const auto& [document, count] : all) postings.Add(document, count);
  std::vector<std::pair<uint32_t, uint32_t>> read;
  postings.ForEach([&](uint32_t document, uint32_t count) { read.emplace_back(document, count); });
  EXPECT_EQ(read, all);
  EXPECT_EQ(postings.size(), all.size());
}

TEST(LengthByteTest, IsLucenes) {
  // SmallFloat's own examples: exact up to 39, then steps that double.
  for (uint32_t length = 0; length < 40; ++length)
    EXPECT_EQ(LengthOfByte(LengthByte(length)), length);
  EXPECT_EQ(LengthOfByte(LengthByte(41)), 40U);
  EXPECT_EQ(LengthOfByte(LengthByte(55)), 54U);
  EXPECT_EQ(LengthOfByte(LengthByte(89)), 88U);
  EXPECT_EQ(LengthByte(2147483647), 255U);
  for (int byte = 0; byte < 255; ++byte) {
    const uint64_t length = LengthOfByte(static_cast<uint8_t>(byte));
    EXPECT_LT(length, LengthOfByte(static_cast<uint8_t>(byte + 1)));
    if (length < (uint64_t{1} << 31)) {
      EXPECT_EQ(LengthByte(static_cast<uint32_t>(length)), byte);
    }
  }
}

}  // namespace
}  // namespace dear
