#include "rank/recipe.h"

#include <algorithm>
#include <filesystem>
#include <span>
#include <utility>

#include "base/embedded.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "rank/id_pattern.h"
#include "rank/placeholders.h"
#include "rank/recipe_fields.h"
#include "text/yaml_fields.h"

namespace dear {

std::span<const EmbeddedFile> EmbeddedFiles_recipes();

namespace {

constexpr int64_t kMaxCut = int64_t{1} << 32;

TextCut ReadCut(YamlFields& fields) {
  auto cut = fields.Map("cut");
  if (!cut) return {};
  TextCut out;
  int given = 0;
  for (const auto& [key, unit] :
       {std::pair{"chars", CutUnit::kChars}, std::pair{"words", CutUnit::kWords},
        std::pair{"tokens", CutUnit::kTokens}}) {
    if (const auto length = cut->Int(key, 1, kMaxCut)) {
      out = {unit, *length};
      ++given;
    }
  }
  out.for_passages = cut->Int("for_passages", 1, kMaxRecipeTokens).value_or(0);
  cut->Finish();
  if (given != 1) fields.Fail("cut", "must hold one of chars, words, tokens");
  if (out.for_passages > 0 && out.unit != CutUnit::kWords) {
    cut->Fail("for_passages", "belongs to words");
  }
  return out;
}

TextRule ReadTextRule(YamlFields& fields, const char* key, bool of_passages) {
  TextRule rule;
  auto map = fields.Map(key);
  if (!map) return rule;
  rule.remove = map->Strings("remove");
  if (std::ranges::any_of(rule.remove, &std::string::empty)) {
    map->Fail("remove", "holds an empty text");
  }
  if (of_passages) {
    rule.with_title =
        CheckedTemplate(*map, "with_title", map->String("with_title", ""), {"title", "text"});
  }
  rule.strip = map->Bool("strip").value_or(false);
  rule.clean = map->Bool("clean").value_or(false);
  rule.escape_ids = map->Bool("escape_ids").value_or(false);
  rule.cut = ReadCut(*map);
  map->Finish();
  if (!of_passages && rule.cut.for_passages > 0) {
    map->Fail("cut", "of a query does not depend on the number of passages");
  }
  return rule;
}

}  // namespace

std::string CheckedTemplate(YamlFields& fields, const char* key, std::string text,
                            std::initializer_list<std::string_view> allowed) {
  for (const std::string& name : PlaceholdersIn(text)) {
    if (std::ranges::find(allowed, name) == allowed.end()) {
      fields.Fail(key, "has the placeholder {" + name + "}, which is not known here");
    }
  }
  return text;
}

std::string CheckedPattern(YamlFields& fields, const char* key) {
  std::string pattern = fields.String(key, "");
  if (pattern.empty()) return pattern;
  try {
    const IdPattern check(pattern);
  } catch (const Error& error) {
    fields.Fail(key, error.message());
  }
  return pattern;
}

std::string_view RecipeKindName(RecipeKind kind) {
  switch (kind) {
    case RecipeKind::kListwise: return "listwise";
    case RecipeKind::kPointwise: return "pointwise";
    case RecipeKind::kQueryLikelihood: return "query_likelihood";
  }
  return "";
}

bool Recipe::TakesInstruction() const {
  return !instruction.empty() || std::ranges::any_of(input.parts, [](const InputPart& part) {
    return !part.with_instruction.empty();
  });
}

namespace {

void ReadQueryLikelihood(YamlFields& fields, Recipe* recipe) {
  recipe->prompt = ReadPrompt(fields, recipe->kind);
  recipe->continuation =
      CheckedTemplate(fields, "continuation", fields.RequireString("continuation"), {"query"});
  // All passages would have one score.
  if (!HoldsPlaceholder(recipe->prompt.text, {"passage", "text"}))
    fields.Fail("prompt", "misses the placeholder {passage} or {text}");
  if (!HoldsPlaceholder(recipe->continuation, {"query"}))
    fields.Fail("continuation", "misses the placeholder {query}");
}

}  // namespace

Recipe ParseRecipe(std::string_view yaml, const std::string& name, const std::string& context) {
  YamlFields fields(ParseYaml(yaml, context), context);
  if (IsRankLlmTemplate(fields)) return ReadRankLlmTemplate(fields, name);
  Recipe recipe;
  recipe.name = fields.String("name", name.c_str());
  recipe.description = fields.String("description", "");
  if (!fields.Has("kind")) fields.Fail("kind", "is missing");
  recipe.kind = static_cast<RecipeKind>(
      fields.Choice("kind", {"listwise", "pointwise", "query_likelihood"}, 0));
  recipe.query = ReadTextRule(fields, "query", false);
  recipe.passage = ReadTextRule(fields, "passage", true);
  if (recipe.kind != RecipeKind::kListwise && recipe.passage.cut.for_passages > 0) {
    fields.Fail("passage", "has for_passages, which belongs to listwise recipes");
  }
  switch (recipe.kind) {
    case RecipeKind::kListwise: ReadListwise(fields, &recipe); break;
    case RecipeKind::kPointwise: ReadPointwise(fields, &recipe); break;
    case RecipeKind::kQueryLikelihood: ReadQueryLikelihood(fields, &recipe); break;
  }
  fields.Finish();
  return recipe;
}

// JSON is YAML.
bool IsRecipeFile(const std::string& name_or_path) {
  return name_or_path.ends_with(".yaml") || name_or_path.ends_with(".yml") ||
         name_or_path.ends_with(".json");
}

Recipe LoadRecipe(const std::string& name_or_path) {
  if (IsRecipeFile(name_or_path)) {
    const std::filesystem::path path(name_or_path);
    return ParseRecipe(ReadFile(path, size_t{1} << 20), path.stem().string(), name_or_path);
  }
  for (const EmbeddedFile& file : EmbeddedFiles_recipes()) {
    if (file.name == name_or_path) {
      return ParseRecipe(file.text, name_or_path, "recipes/" + name_or_path + ".yaml");
    }
  }
  std::string names;
  for (const std::string& name : RecipeNames()) names += (names.empty() ? "" : ", ") + name;
  throw Error(
      ErrorCode::kNotFound, "recipe '" + name_or_path + "'",
      "there is none of this name; known are " + names + ", or give a file that ends in .yaml");
}

std::vector<std::string> RecipeNames() {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : EmbeddedFiles_recipes()) names.emplace_back(file.name);
  std::ranges::sort(names);
  return names;
}

}  // namespace dear
