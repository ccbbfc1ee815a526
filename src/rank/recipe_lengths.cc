#include "rank/recipe_lengths.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "rank/placeholders.h"

namespace dear {
namespace {

bool HoldsPassage(const InputPart& part) {
  return std::ranges::any_of(PlaceholdersIn(part.text), [](const std::string& name) {
    return name == "passage" || name == "title" || name == "text";
  });
}

bool HoldsQuery(const InputPart& part) {
  const std::vector<std::string> names = PlaceholdersIn(part.text);
  return std::ranges::find(names, "query") != names.end();
}

// A part of the query or of the passage, and of that one alone, that has a length of its own.
template <typename Holds>
bool CutParts(Holds holds, int64_t length, std::vector<InputPart>* parts) {
  bool found = false;
  for (InputPart& part : *parts) {
    const bool is_cut = part.max_tokens > 0 || part.max_share > 0;
    if (!is_cut || !holds(part) || (HoldsPassage(part) && HoldsQuery(part))) continue;
    part.max_tokens = length;
    part.max_share = 0;
    found = true;
  }
  return found;
}

void CheckLength(int64_t length, const char* name) {
  if (length >= 1) return;
  throw Error(ErrorCode::kInvalidArgument, name,
              "expected at least 1, found " + std::to_string(length));
}

}  // namespace

Recipe WithLengths(Recipe recipe, const RankingLengths& lengths) {
  std::vector<InputPart>* parts = &recipe.input.parts;
  if (lengths.query) {
    CheckLength(*lengths.query, "query_max_length");
    if (!CutParts(HoldsQuery, *lengths.query, parts)) {
      recipe.query.cut = {.unit = CutUnit::kTokens, .length = *lengths.query};
    }
  }
  if (lengths.passage) {
    CheckLength(*lengths.passage, "passage_max_length");
    if (!CutParts(HoldsPassage, *lengths.passage, parts)) {
      recipe.passage.cut = {.unit = CutUnit::kTokens, .length = *lengths.passage};
    }
    recipe.pair.max_length = 0;
    recipe.input.max_length = 0;
    recipe.prompt.truncate = 0;
  }
  return recipe;
}

}  // namespace dear
