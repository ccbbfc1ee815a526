#ifndef DEAR_APPS_DEAR_RERANK_OPTIONS_H_
#define DEAR_APPS_DEAR_RERANK_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model_flags.h"
#include "rank_flags.h"
#include "result_file.h"

namespace dear::app {

// What the user asked of `dear rerank`.
struct RerankOptions {
  ModelFlags model;
  RankFlags rank;
  std::optional<std::string> query;
  std::vector<std::string> passages;
  std::string file;
  std::string jobs;
  std::string out;
  std::string format;
  int64_t top = 0;
  bool resume = false;
  bool overwrite = false;

  // The format that was named, or the one that fits the output.
  std::string ChosenFormat() const;
  ExistingFile OnExisting() const;
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_RERANK_OPTIONS_H_
