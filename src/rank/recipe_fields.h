#ifndef DEAR_RANK_RECIPE_FIELDS_H_
#define DEAR_RANK_RECIPE_FIELDS_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "rank/recipe.h"
#include "text/yaml_fields.h"

namespace dear {

// Parts of ParseRecipe. All throw kInvalidFormat that names file, line and field.

inline constexpr int64_t kMaxRecipeTokens = int64_t{1} << 24;

// `text`, after a check that its placeholders are among `allowed`.
std::string CheckedTemplate(YamlFields& fields, const char* key, std::string text,
                            std::initializer_list<std::string_view> allowed);
// A regular expression that compiles, or empty where the field is absent.
std::string CheckedPattern(YamlFields& fields, const char* key);

PromptTemplate ReadPrompt(YamlFields& fields, RecipeKind kind);
void ReadListwise(YamlFields& fields, Recipe* recipe);
void ReadPointwise(YamlFields& fields, Recipe* recipe);

// RankLLM's own template files: `method`, `prefix`, `body`, … and no `kind`.
bool IsRankLlmTemplate(const YamlFields& fields);
Recipe ReadRankLlmTemplate(YamlFields& fields, const std::string& name);

}  // namespace dear

#endif  // DEAR_RANK_RECIPE_FIELDS_H_
