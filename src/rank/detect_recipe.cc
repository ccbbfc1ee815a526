#include "rank/detect_recipe.h"

#include <limits>
#include <string_view>
#include <vector>

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

std::string InWords(const RankingLengths& lengths) {
  const auto words = [](const char* what, const std::optional<int64_t>& tokens) {
    return tokens ? std::string(", ") + what + " of " + std::to_string(*tokens) + " tokens" : "";
  };
  return words("queries", lengths.query) + words("passages", lengths.passage);
}

std::optional<DetectedRecipe> FromFolder(const fs::path& folder) {
  if (folder.empty()) return std::nullopt;
  for (const char* file : {"dear.yaml", "dear.json"}) {
    const fs::path path = folder / file;
    std::error_code error;
    if (!fs::is_regular_file(path, error)) continue;
    YamlFields fields(ParseYaml(ReadFile(path, size_t{1} << 20), path.string()), path.string());
    if (fields.Has("kind"))
      return DetectedRecipe{.name = path.string(), .why = std::string(file) + " is its recipe"};
    const std::string name = fields.RequireString("recipe");
    const auto length = [&fields](const char* key) {
      return fields.Int(key, 1, std::numeric_limits<int32_t>::max());
    };
    const RankingLengths lengths{.query = length("query_max_length"),
                                 .passage = length("passage_max_length")};
    fields.Finish();
    return DetectedRecipe{.name = Named(name, folder, path.string()),
                          .why = std::string(file) + " names it" + InWords(lengths),
                          .lengths = lengths};
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
  return DetectedRecipe{.name = Named(name, folder, context),
                        .why = std::string(file) + " names it"};
}

// Lower case, with "-" and "." as "_", so that one spelling finds all of them.
std::string Plain(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-' || c == '.') c = '_';
  }
  return text;
}

// Families that are published under names of their own, the more particular names first.
struct Family {
  std::string_view part;     // of a name
  std::string_view without;  // a name with this is another family; may be empty
  bool classifier;
  std::string_view recipe;
};
constexpr Family kFamilies[] = {
    {"rankllama", "", true, "rankllama"},
    {"dear_", "listwise", true, "dear-pointwise-card"},
    {"qwen3_reranker", "seq_cls", false, "qwen3-reranker"},
    {"bge_reranker_v2_gemma", "", false, "bge-gemma"},
    {"mxbai_rerank_base_v2", "", false, "mxbai-v2"},
    {"mxbai_rerank_large_v2", "", false, "mxbai-v2"},
    {"rank_zephyr", "", false, "rank-zephyr"},
    {"rankzephyr", "", false, "rank-zephyr"},
    {"rank_vicuna", "", false, "rank-vicuna"},
    {"rankvicuna", "", false, "rank-vicuna"},
    {"first_mistral", "", false, "first"},
    {"first_model", "", false, "first"},
    {"reasonrank", "", false, "reason-rank"},
    {"listwise", "", false, "dear-card"},
};

std::optional<DetectedRecipe> FromName(const std::vector<std::string>& names, bool is_classifier) {
  for (const Family& family : kFamilies) {
    for (const std::string& name : names) {
      const std::string plain = Plain(name);
      if (family.classifier != is_classifier || plain.find(family.part) == std::string::npos)
        continue;
      if (!family.without.empty() && plain.find(family.without) != std::string::npos) continue;
      return DetectedRecipe{std::string(family.recipe), "its name is '" + name + "'"};
    }
  }
  return std::nullopt;
}

// What the files call the model: as the user names it, its folder, its adapter, its origin.
std::vector<std::string> NamesOf(const ModelFacts& facts) {
  std::vector<std::string> names = {facts.name, facts.config->name_or_path};
  for (const fs::path& folder : {facts.adapter_folder, facts.model_folder}) {
    names.push_back(folder.filename().string());
    // A snapshot of the hub's cache lies in models--ORG--NAME/snapshots/COMMIT.
    if (folder.parent_path().filename() == "snapshots") {
      names.push_back(folder.parent_path().parent_path().filename().string());
    }
  }
  std::erase_if(names, [](const std::string& name) { return name.empty(); });
  return names;
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
  if (is_classifier && facts.config->num_labels != 1) {
    throw Error(ErrorCode::kUnsupported, facts.name,
                "a classifier of " + std::to_string(facts.config->num_labels) +
                    " labels; no recipe fits by itself, name one with --recipe");
  }
  if (auto found = FromName(NamesOf(facts), is_classifier)) return *found;
  if (is_classifier) {
    if (const auto other = FromName(NamesOf(facts), false)) {
      throw Error(ErrorCode::kUnsupported, facts.name,
                  "a classification head where " + other->name +
                      " reads a language model's tokens (" + other->why +
                      "); name a recipe with --recipe");
    }
    return {"dear-pointwise-card",
            "it has a classification head of one logit, and is taken for DeAR's pointwise form",
            true};
  }
  if (facts.adapter != nullptr) {
    return {"dear-card", "an adapter of a language model, taken for DeAR's listwise form", true};
  }
  const bool is_default = Plain(facts.name).find("smollm2_135m_instruct") != std::string::npos;
  return {"query-likelihood",
          "a language model that is not known as a reranker; any ranks by query likelihood",
          !is_default};
}

}  // namespace dear
