#ifndef DEAR_APPS_DEAR_LABEL_OPTIONS_H_
#define DEAR_APPS_DEAR_LABEL_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "rerank_options.h"

namespace dear::app {

// What the user asked of `dear label`.
struct LabelOptions {
  // The teacher, a run, the output and what is done with one that is there, as for ranking.
  RerankOptions rank;
  std::string rows;           // a file; empty: those of the run
  std::string form;           // scores, order or sft; empty: as the teacher's recipe has it
  std::string prompt_recipe;  // of sft; empty: kDefaultPromptRecipe
  std::string prompt_tokenizer;
  std::optional<uint64_t> shuffle;
  bool keep_repaired = false;
  size_t limit = 0;  // the first rows alone; 0: all
  bool json = false;
};

inline constexpr const char* kDefaultPromptRecipe = "dear-card";

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_LABEL_OPTIONS_H_
