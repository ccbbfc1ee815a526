#include "api/id_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dear {
namespace {

TEST(IdTable, NumbersIdsInTheOrderInWhichTheyCome) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5000; ++i) ids.push_back(std::to_string(i * 7919));
  IdTable table;
  for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(table.Add(ids[i]), i);
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(table.Add(ids[i]), i);
    EXPECT_EQ(table.Find(ids[i]), i);
    EXPECT_EQ(table[i], ids[i]);
  }
  EXPECT_EQ(table.size(), ids.size());
  EXPECT_FALSE(table.Find("absent"));
  EXPECT_FALSE(table.Find(""));
  EXPECT_EQ(table.Add(""), ids.size());
  EXPECT_EQ(table.Find(""), ids.size());
}

}  // namespace
}  // namespace dear
