#include "eval/measure_set.h"

#include <gmock/gmock.h>

#include "eval/testing/texts.h"

namespace dear::eval {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Names(std::vector<std::string> requests) {
  const MeasureSet set = MeasureSet::Parse(requests, GainKind::kLinear);
  std::vector<std::string> names;
  for (const MeasureColumn& column : set.columns()) names.push_back(column.name);
  return names;
}

std::string ErrorFor(const std::string& request) {
  return ErrorOf([&] { Names({request}); });
}

TEST(MeasureSetTest, GroupsHoldWhatTrecEvalsHold) {
  EXPECT_EQ(Names({}).size(), 30U);
  EXPECT_EQ(Names({}), Names({"official"}));
  EXPECT_THAT(Names({"set"}),
              ElementsAre("runid", "num_q", "num_ret", "num_rel", "num_rel_ret", "utility", "set_P",
                          "set_relative_P", "set_recall", "set_map", "set_F"));
  EXPECT_EQ(Names({"all_trec"}).size(), 95U);
}

TEST(MeasureSetTest, ParametersReplaceDefaultsAndAreTakenTogether) {
  EXPECT_THAT(Names({"P.10", "P.5,1", "map"}), ElementsAre("map", "P_1", "P_5", "P_10"));
  EXPECT_THAT(Names({"success"}), ElementsAre("success_1", "success_5", "success_10"));
  EXPECT_THAT(Names({"ndcg_cut.23.4"}), ElementsAre("ndcg_cut_23"));
  EXPECT_THAT(Names({"iprec_at_recall.0.5,.25"}),
              ElementsAre("iprec_at_recall_0.25", "iprec_at_recall_0.50"));
  EXPECT_THAT(Names({"set_F.2", "set_F.0.5"}), ElementsAre("set_F_2", "set_F_0.5"));
  EXPECT_THAT(Names({"ndcg.1=3,2=9"}), ElementsAre("ndcg_1=3,2=9"));
  EXPECT_THAT(Names({"ndcg_cut_10", "P_5"}), ElementsAre("P_5", "ndcg_cut_10"));  // as printed
}

TEST(MeasureSetTest, ErrorsNameTheRequest) {
  EXPECT_THAT(ErrorFor("nDCG"), HasSubstr("measure 'nDCG': unknown; there are official"));
  EXPECT_THAT(ErrorFor("map.5"), HasSubstr("takes no parameters"));
  EXPECT_THAT(ErrorFor("P."), HasSubstr("missing after the dot"));
  EXPECT_THAT(ErrorFor("P.0"), HasSubstr("whole numbers above 0"));
  EXPECT_THAT(ErrorFor("P.-1"), HasSubstr("whole numbers above 0"));
  EXPECT_THAT(ErrorFor("P.x"), HasSubstr("'x' is no number"));
  EXPECT_THAT(ErrorFor("ndcg.3"), HasSubstr("level=gain"));
  EXPECT_THAT(ErrorFor("ndcg.a=3"), HasSubstr("no whole number"));
  EXPECT_THAT(ErrorFor("utility.1,2"), HasSubstr("four numbers"));
  EXPECT_THAT(ErrorFor("official.5"), HasSubstr("no parameters"));
  EXPECT_THAT(ErrorFor("prefs_simp"), HasSubstr("preference judgements"));
}

}  // namespace
}  // namespace dear::eval
