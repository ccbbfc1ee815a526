#include <algorithm>
#include <utility>

#include "rank/placeholders.h"
#include "rank/recipe_fields.h"

namespace dear {
namespace {

void ReadPair(YamlFields& map, PairRule* pair) {
  pair->query = CheckedTemplate(map, "query", map.RequireString("query"), {"query"});
  if (!HoldsPlaceholder(pair->query, {"query"}))
    map.Fail("query", "misses the placeholder {query}");
  pair->document =
      CheckedTemplate(map, "document", map.RequireString("document"), {"passage", "title", "text"});
  if (!HoldsPlaceholder(pair->document, {"passage", "text"})) {
    map.Fail("document", "misses the placeholder {passage} or {text}");
  }
  pair->max_length = map.Int("max_length", 1, kMaxRecipeTokens).value_or(0);
  pair->truncation = static_cast<PairTruncation>(map.Choice("truncation", {"longest_first"}, 0));
  map.Finish();
}

InputPart ReadPart(YamlFields& fields) {
  const auto read = [&](const char* key, std::string text) {
    return CheckedTemplate(fields, key, std::move(text),
                           {"query", "instruction", "passage", "title", "text"});
  };
  InputPart part;
  part.text = read("text", fields.RequireString("text"));
  part.with_instruction = read("with_instruction", fields.String("with_instruction", ""));
  part.bos = fields.Bool("bos").value_or(false);
  part.eos = fields.Bool("eos").value_or(false);
  part.max_tokens = fields.Int("max_tokens", 1, kMaxRecipeTokens).value_or(0);
  part.max_share = fields.Number("max_share", 0, 1).value_or(0);
  part.shrink = fields.Bool("shrink").value_or(false);
  if (part.shrink && !HoldsPlaceholder(part.text, {"passage", "text"})) {
    fields.Fail("shrink", "belongs to the part that holds {passage} or {text}");
  }
  fields.Finish();
  return part;
}

void ReadInput(YamlFields& map, InputRule* input) {
  for (YamlFields& part : map.Maps("parts")) input->parts.push_back(ReadPart(part));
  if (input->parts.empty()) map.Fail("parts", "is missing");
  input->max_length = map.Int("max_length", 1, kMaxRecipeTokens).value_or(0);
  input->counts =
      static_cast<LengthOf>(map.Choice("counts", {"all", "content", "content_less_tail"}, 0));
  const auto holds = [&](std::initializer_list<std::string_view> names) {
    return std::ranges::any_of(
        input->parts, [&](const InputPart& part) { return HoldsPlaceholder(part.text, names); });
  };
  if (!holds({"query"})) map.Fail("parts", "miss the placeholder {query}");
  if (!holds({"passage", "text"})) map.Fail("parts", "miss the placeholder {passage} or {text}");
  if (std::ranges::count_if(input->parts, &InputPart::shrink) > 1) {
    map.Fail("parts", "can have one that shrinks");
  }
  map.Finish();
}

void ReadScore(YamlFields& fields, const Recipe& recipe, ScoreRule* score) {
  auto map = fields.Map("score");
  if (!map) fields.Fail("score", "is missing");
  score->head = static_cast<ScoreHead>(map->Choice("head", {"linear", "tokens"}, 0));
  if (score->head == ScoreHead::kLinear) {
    score->pooling = static_cast<Pooling>(map->Choice("pooling", {"last_nonpad", "last_slot"}, 0));
    score->slots = map->Int("slots", 1, kMaxRecipeTokens).value_or(0);
    if ((score->pooling == Pooling::kLastSlot) != (score->slots > 0)) {
      map->Fail("slots", "is the length of a padded row, and belongs to pooling last_slot");
    }
    score->label = map->Int("label", 0, kMaxRecipeTokens).value_or(0);
  } else {
    score->positive = map->RequireString("positive");
    score->negative = map->String("negative", "");
    if (score->positive.empty()) map->Fail("positive", "is empty");
    score->lookup =
        static_cast<TokenLookup>(map->Choice("lookup", {"alone", "vocabulary", "in_context"}, 0));
    if (!recipe.pair.query.empty()) {
      map->Fail("head", "is tokens, but a pair ends with the passage and asks nothing");
    }
  }
  score->transform = static_cast<ScoreTransform>(map->Choice("transform", {"logit", "sigmoid"}, 0));
  map->Finish();
}

// {instruction} stands somewhere, and the recipe says what it is where the user does not.
void CheckInstruction(YamlFields& fields, const Recipe& recipe) {
  const auto asks = [](const InputPart& part) {
    return HoldsPlaceholder(part.text, {"instruction"});
  };
  const bool needs = HoldsPlaceholder(recipe.prompt.text, {"instruction"}) ||
                     std::ranges::any_of(recipe.input.parts, asks);
  if (needs == recipe.instruction.empty()) {
    fields.Fail("instruction",
                needs ? "is missing: the placeholder {instruction} stands for it where the user "
                        "gives none"
                      : "is given, but the placeholder {instruction} stands nowhere");
  }
}

}  // namespace

void ReadPointwise(YamlFields& fields, Recipe* recipe) {
  auto pair = fields.Map("pair");
  auto input = fields.Map("input");
  const int ways = (pair ? 1 : 0) + (input ? 1 : 0) + (fields.Has("prompt") ? 1 : 0);
  if (ways != 1) fields.Fail("pair", "or input or prompt must be given, and one of them alone");
  if (pair) ReadPair(*pair, &recipe->pair);
  if (input) ReadInput(*input, &recipe->input);
  if (!pair && !input) {
    recipe->prompt = ReadPrompt(fields, recipe->kind);
    if (!HoldsPlaceholder(recipe->prompt.text, {"query"}) ||
        !HoldsPlaceholder(recipe->prompt.text, {"passage", "text"})) {
      fields.Fail("prompt", "misses the placeholder {query}, or {passage} or {text}");
    }
  }
  recipe->instruction = fields.String("instruction", "");
  CheckInstruction(fields, *recipe);
  ReadScore(fields, *recipe, &recipe->score);
}

}  // namespace dear
