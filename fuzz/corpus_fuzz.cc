// Whatever stands in a corpus, looking some ids up gives their texts or one Error; a quick look at
// the id of a JSON object sees what a whole parse sees.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "api/json_id.h"
#include "api/text_collection.h"
#include "base/error.h"
#include "text/unicode.h"

namespace {

constexpr std::array<const char*, 2> kKeys = {"_id", "id"};

// Whether an object gives the same field twice, which the two readers may tell apart.
bool RepeatsAField(std::string_view text) {
  bool repeats = false;
  std::array<int, 2> seen{};
  dear::Json::parser_callback_t count = [&](int depth, dear::Json::parse_event_t event,
                                            dear::Json& value) {
    if (event == dear::Json::parse_event_t::key && depth == 1) {
      for (size_t i = 0; i < kKeys.size(); ++i) {
        if (value == kKeys[i] && ++seen[i] > 1) repeats = true;
      }
    }
    return true;
  };
  (void)dear::Json::parse(text, count, /*allow_exceptions=*/false);
  return repeats;
}

void ComparePeek(std::string_view text) {
  const auto peeked = dear::PeekJsonId(text, kKeys);
  if (!peeked) return;
  try {
    const dear::Json json = dear::ParseJson(text, "fuzz");
    if (!json.is_object() || RepeatsAField(text)) return;
    std::string whole = dear::JsonId(json, kKeys[0], "fuzz");
    if (whole.empty()) whole = dear::JsonId(json, kKeys[1], "fuzz");
    if (whole != *peeked) std::abort();
  } catch (const dear::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ComparePeek(text.substr(0, text.find('\n')));
  dear::IdTable wanted;
  for (const std::string_view id : {"a", "b", "1", "D1", "id"}) wanted.Add(id);
  try {
    const dear::TextCollection corpus(std::string(text), "fuzz", dear::PassageNames(), wanted);
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (!corpus.Has(i)) continue;
      try {
        const dear::TextRecord record = corpus.Read(i);
        if (record.id != wanted[i] || !dear::IsValidUtf8(record.text)) std::abort();
      } catch (const dear::Error&) {
        std::abort();  // it was read once
      }
    }
  } catch (const dear::Error&) {
  }
  return 0;
}
