#ifndef DEAR_RANK_DETECT_RECIPE_H_
#define DEAR_RANK_DETECT_RECIPE_H_

#include <filesystem>
#include <optional>
#include <string>

#include "formats/model_config.h"
#include "formats/peft_adapter.h"
#include "rank/recipe.h"
#include "rank/recipe_lengths.h"

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
  // Nothing in the files says that it is this family: what any model of its kind can do, or the
  // likeliest. Worth a note to the user.
  bool guessed = false;
  RankingLengths lengths = {};  // in place of the recipe's

  // Throws what LoadRecipe and WithLengths throw.
  Recipe Load() const { return WithLengths(LoadRecipe(name), lengths); }
};

// The recipe of a model whose user names none, in this order:
// - the adapter's or the model's folder says it: dear.yaml or dear.json (a recipe itself, or
//   {recipe: NAME}, beside it query_max_length and passage_max_length in tokens), or {"dear":
//   {"recipe": NAME}} in adapter_config.json or config.json. A NAME that ends in .yaml is a file in
//   that folder;
// - a name of a known family (of the model, its adapter or what it was made from), with the head
//   that the family has;
// - a classification head of one logit is taken for dear-pointwise-card (kUnsupported: of several,
//   or with the name of a family that has no such head);
// - an adapter that continues text is taken for DeAR's listwise form;
// - any other language model ranks by query likelihood.
// The last three are `guessed`.
DetectedRecipe DetectRecipe(const ModelFacts& facts);

}  // namespace dear

#endif  // DEAR_RANK_DETECT_RECIPE_H_
