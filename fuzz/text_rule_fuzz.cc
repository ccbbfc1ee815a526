// Passages and queries are any bytes: what a recipe's rules make of them is valid UTF-8 and cut.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "rank/testing/fakes.h"
#include "rank/text_rule.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  static const dear::testing::FakeTokenizer tokenizer;
  dear::TextRule rule;
  rule.strip = (data[0] & 1) != 0;
  rule.clean = (data[0] & 2) != 0;
  rule.escape_ids = (data[0] & 4) != 0;
  rule.cut = {static_cast<dear::CutUnit>(data[0] >> 3 & 3), data[1] + 1};
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string out = dear::ApplyTextRule(rule, text, tokenizer);
  if (dear::RepairUtf8(out) != out) std::abort();
  const int64_t limit = rule.cut.length;
  if (rule.cut.unit == dear::CutUnit::kWords && dear::WordCount(out) > limit) std::abort();
  if (rule.cut.unit == dear::CutUnit::kChars && dear::CodePointCount(out) > limit) std::abort();
  return 0;
}
