#include "formats/python_regex.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace dear {
namespace {

TEST(PythonRegex, TellsFullMatchFromMatch) {
  const PythonRegex regex("a|ab", "c");
  EXPECT_TRUE(regex.FullMatch("ab"));  // goes on to the alternative that reaches the end
  EXPECT_FALSE(regex.FullMatch("abc"));
  EXPECT_TRUE(regex.Match("abc"));
  EXPECT_FALSE(regex.Match("xab"));
}

TEST(PythonRegex, ReadsPythonsDialect) {
  EXPECT_TRUE(PythonRegex("(?P<n>a)(?P=n)\\Z", "c").FullMatch("aa"));
  EXPECT_TRUE(PythonRegex("[[:alpha:]]+", "c").FullMatch("[:alp]") == false);
  EXPECT_TRUE(PythonRegex("[]a]+", "c").FullMatch("]a]"));
  EXPECT_TRUE(PythonRegex("[^]a]", "c").FullMatch("b"));
  EXPECT_FALSE(PythonRegex("[^]a]", "c").FullMatch("]"));
  EXPECT_TRUE(PythonRegex("\\w", "c").FullMatch("é"));
  EXPECT_TRUE(PythonRegex("a$", "c").Match("a\n"));
  EXPECT_FALSE(PythonRegex("a\\Z", "c").Match("a\n"));
  EXPECT_EQ(PythonRegex("x(?P<idx>\\d+)", "c").MatchGroup("x12y", "idx"), "12");
  EXPECT_FALSE(PythonRegex("x(?P<idx>\\d+)", "c").MatchGroup("y", "idx").has_value());
}

TEST(PythonRegex, RefusesWhatPythonDoesNotKnow) {
  for (const char* pattern : {"(", "[", "a{2,1}", "*a", "(?R)", "(?C1)", "(*ACCEPT)a", "a\\Kb",
                              "\\Qa\\E", "(?1)a", "(?P>n)", "\\p{L}", "(?<n", "\\"}) {
    EXPECT_THROW(PythonRegex(pattern, "c"), Error) << pattern;
  }
  EXPECT_THROW(PythonRegex(std::string(100000, 'a'), "c"), Error);
  EXPECT_THROW(PythonRegex(std::string(5000, '(') + std::string(5000, ')'), "c"), Error);
}

}  // namespace
}  // namespace dear
