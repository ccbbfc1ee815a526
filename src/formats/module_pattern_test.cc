#include "formats/module_pattern.h"

#include <gtest/gtest.h>

#include "formats/python_regex.h"

namespace dear {
namespace {

// The short way must give what the regular expression gives.
TEST(ModulePattern, AgreesWithTheRegularExpression) {
  const char* const modules[] = {"model.layers.1.self_attn.q_proj",
                                 "model.layers.11.self_attn.q_proj",
                                 "q_proj",
                                 "model.layers.1.mlp.up_proj",
                                 "model.embed_tokens",
                                 "lm_head",
                                 "a..b",
                                 ".q_proj",
                                 "q_proj."};
  const char* const patterns[] = {"q_proj",
                                  "^q_proj",
                                  "q.proj",
                                  "self_attn.q_proj",
                                  "model",
                                  "^model",
                                  "layers.1",
                                  "layers\\.1",
                                  "1",
                                  ".",
                                  "..",
                                  "",
                                  "^",
                                  "layers.1...",
                                  "proj",
                                  "model.layers.1.mlp.up_proj",
                                  "embed_tokens",
                                  "b",
                                  "^a..b",
                                  "self_attn"};
  for (const std::string pattern : patterns) {
    ASSERT_TRUE(IsPlainPattern(pattern));
    const PythonRegex ends("(.*\\.)?(" + pattern + ")$", "c");
    const PythonRegex holds("(^|.*\\.)" + pattern + "($|\\..*)", "c");
    for (const std::string module : modules) {
      SCOPED_TRACE(pattern + " on " + module);
      EXPECT_EQ(PatternEndsModule(pattern, module, "c"), ends.Match(module));
      EXPECT_EQ(PatternHoldsModule(pattern, module, "c"), holds.Match(module));
    }
  }
}

TEST(ModulePattern, LeavesTheRestToTheEngine) {
  EXPECT_FALSE(IsPlainPattern("(q|k)_proj"));
  EXPECT_FALSE(IsPlainPattern("q_proj$"));
  EXPECT_FALSE(IsPlainPattern("a^b"));
  EXPECT_FALSE(IsPlainPattern("a\\"));
  EXPECT_TRUE(PatternEndsModule("(q|k)_proj", "model.layers.1.self_attn.k_proj", "c"));
  EXPECT_TRUE(PatternHoldsModule("layers\\.\\d+", "model.layers.1.self_attn.k_proj", "c"));
}

}  // namespace
}  // namespace dear
