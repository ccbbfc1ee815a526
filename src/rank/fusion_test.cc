#include "rank/fusion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;

TEST(ParseFusion, NamesAndNumbers) {
  EXPECT_EQ(ParseFusion("minmax").weight, 0.5);
  EXPECT_EQ(ParseFusion("minmax:0.3").weight, 0.3);
  EXPECT_EQ(ParseFusion("minmax:0.3").kind, Fusion::Kind::kMinMax);
  EXPECT_EQ(ParseFusion("rrf").k, 60);
  EXPECT_EQ(ParseFusion("rrf:10").k, 10);
  for (const char* bad : {"", "max", "minmax:", "minmax:2", "minmax:-1", "minmax:x", "minmax:0.3x",
                          "rrf:0", "rrf:nan", "rrf:inf", "minmax:nan"})
    EXPECT_THROW(ParseFusion(bad), Error) << bad;
}

TEST(Fuse, MinMaxWeighsBothScales) {
  const std::vector<float> scores = {-4, 0, -2};
  const std::vector<double> first = {30, 20, 10};
  const Fusion fusion = ParseFusion("minmax:0.25");
  EXPECT_THAT(
      Fuse(fusion, scores, std::vector<int64_t>{1, 2, 0}, first),
      ElementsAre(FloatNear(.25F, 1e-6F), FloatNear(.75F + .125F, 1e-6F), FloatNear(.375F, 1e-6F)));
  // The ends: the one ranking or the other.
  EXPECT_THAT(Fuse(ParseFusion("minmax:0"), scores, std::vector<int64_t>{1, 2, 0}, first),
              ElementsAre(0, 1, .5F));
  EXPECT_THAT(Fuse(ParseFusion("minmax:1"), scores, std::vector<int64_t>{1, 2, 0}, first),
              ElementsAre(1, .5F, 0));
}

TEST(Fuse, ScoresThatAreAllEqualSayNothing) {
  const std::vector<float> scores = {1, 2};
  EXPECT_THAT(
      Fuse(ParseFusion("minmax"), scores, std::vector<int64_t>{1, 0}, std::vector<double>{3, 3}),
      ElementsAre(0, .5F));
  EXPECT_THAT(Fuse(ParseFusion("minmax"), std::vector<float>{3, 3}, std::vector<int64_t>{0, 1},
                   std::vector<double>{2, 1}),
              ElementsAre(.5F, 0));
}

TEST(Fuse, ReciprocalRanksAdd) {
  const std::vector<float> scores = {5, 7, 6};
  EXPECT_THAT(
      Fuse(ParseFusion("rrf:1"), scores, std::vector<int64_t>{1, 2, 0},
           std::vector<double>{0, 0, 0}),
      ElementsAre(FloatNear(1.0F / 4 + 1.0F / 2, 1e-6F), FloatNear(1.0F / 2 + 1.0F / 3, 1e-6F),
                  FloatNear(1.0F / 3 + 1.0F / 4, 1e-6F)));
  EXPECT_TRUE(Fuse(ParseFusion("rrf"), {}, {}, {}).empty());
}

}  // namespace
}  // namespace dear
