#include "rank/detect_recipe.h"

#include "base/error.h"
#include "base/mapped_file.h"
#include "rank/recipe.h"
#include "text/yaml_fields.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

// A name, or a plain file name in the folder: a model's files do not point elsewhere.
std::string Named(const std::string& recipe, const fs::path& folder, const std::string& context) {
  if (!recipe.ends_with(".yaml") && !recipe.ends_with(".yml")) return recipe;
  if (fs::path(recipe).filename() != recipe) {
    throw Error(ErrorCode::kInvalidFormat, context,
                "field 'recipe' is '" + recipe + "', but must be a file in the same folder");
  }
  return (folder / recipe).string();
}

std::optional<DetectedRecipe> FromFolder(const fs::path& folder) {
  if (folder.empty()) return std::nullopt;
  for (const char* file : {"dear.yaml", "dear.json"}) {
    const fs::path path = folder / file;
    std::error_code error;
    if (!fs::is_regular_file(path, error)) continue;
    YamlFields fields(ParseYaml(ReadFile(path, size_t{1} << 20), path.string()), path.string());
    if (fields.Has("kind"))
      return DetectedRecipe{path.string(), std::string(file) + " is its recipe"};
    const std::string name = fields.RequireString("recipe");
    fields.Finish();
    return DetectedRecipe{Named(name, folder, path.string()), std::string(file) + " names it"};
  }
  return std::nullopt;
}

std::optional<DetectedRecipe> FromJson(const Json& config, const fs::path& folder,
                                       const char* file) {
  if (!config.is_object() || !config.contains("dear")) return std::nullopt;
  const Json& dear = config["dear"];
  const std::string context = (folder / file).string();
  if (!dear.is_object()) {
    throw Error(ErrorCode::kInvalidFormat, context, "field 'dear' must be an object");
  }
  const std::string name = JsonFields(dear, context).RequireString("recipe");
  return DetectedRecipe{Named(name, folder, context), std::string(file) + " names it"};
}

std::string Lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

}  // namespace

DetectedRecipe DetectRecipe(const ModelFacts& facts) {
  if (auto found = FromFolder(facts.adapter_folder)) return *found;
  if (facts.adapter != nullptr) {
    if (auto found = FromJson(facts.adapter->raw, facts.adapter_folder, "adapter_config.json")) {
      return *found;
    }
  }
  if (auto found = FromFolder(facts.model_folder)) return *found;
  if (auto found = FromJson(facts.config->raw, facts.model_folder, "config.json")) return *found;

  const bool is_classifier = facts.config->head == HeadKind::kSequenceClassification ||
                             (facts.adapter != nullptr && facts.adapter->task_type == "SEQ_CLS");
  if (is_classifier) {
    if (facts.config->num_labels != 1) {
      throw Error(ErrorCode::kUnsupported, facts.name,
                  "a classifier of " + std::to_string(facts.config->num_labels) +
                      " labels; no recipe fits by itself, name one with --recipe");
    }
    return {"dear-pointwise-card", "it has a classification head of one logit"};
  }
  if (facts.adapter != nullptr) {
    return {"dear-card", "an adapter of a language model, taken for DeAR's listwise form"};
  }
  const std::string name = Lower(facts.name + " " + facts.config->name_or_path);
  if (name.find("listwise") != std::string::npos) {
    return {"dear-card", "a language model whose name says listwise"};
  }
  return {"query-likelihood",
          "a language model that is not known as a reranker; any ranks by query likelihood"};
}

}  // namespace dear
