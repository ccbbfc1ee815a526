#ifndef DEAR_RANK_DETECT_RECIPE_H_
#define DEAR_RANK_DETECT_RECIPE_H_

#include <filesystem>
#include <optional>
#include <string>

#include "formats/model_config.h"
#include "formats/peft_adapter.h"

namespace dear {

// What a model's files tell before any weight is read.
struct ModelFacts {
  std::string name;  // as the user gave it
  const ModelConfig* config = nullptr;
  const LoraConfig* adapter = nullptr;  // null: none
  std::filesystem::path model_folder;   // empty where the model is one file
  std::filesystem::path adapter_folder;
};

struct DetectedRecipe {
  std::string name;  // as LoadRecipe takes it
  std::string why;   // in words, for people
};

// The recipe of a model whose user names none, in this order:
// - the adapter's or the model's folder says it: dear.yaml or dear.json (a recipe itself, or
//   {recipe: NAME}), or {"dear": {"recipe": NAME}} in adapter_config.json or config.json. A NAME
//   that ends in .yaml is a file in that folder;
// - a classification head of one logit is dear-pointwise-card (of several: kUnsupported);
// - an adapter that continues text, or a name that says so, is taken for DeAR's listwise form;
// - any other language model ranks by query likelihood.
DetectedRecipe DetectRecipe(const ModelFacts& facts);

}  // namespace dear

#endif  // DEAR_RANK_DETECT_RECIPE_H_
