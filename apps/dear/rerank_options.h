#ifndef DEAR_APPS_DEAR_RERANK_OPTIONS_H_
#define DEAR_APPS_DEAR_RERANK_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "job_settings.h"
#include "model_flags.h"
#include "rank_flags.h"
#include "record_file.h"

namespace dear::app {

// What the user asked of `dear rerank`.
struct RerankOptions {
  ModelFlags model;
  RankFlags rank;
  std::optional<std::string> query;
  std::vector<std::string> passages;
  std::string file;
  std::string jobs;
  std::string run, topics, corpus;
  std::string out;
  std::string invocations;
  std::string format;
  bool json = false;  // a word for the JSON format
  int64_t top = 0;
  bool resume = false;
  bool overwrite = false;
  bool allow_failures = false;
  JobSettings given;  // the flags that decide results

  // Many queries from files, not one from the command line.
  bool IsJob() const { return !jobs.empty() || !run.empty(); }
  // Throws CLI::ValidationError where the files of a run are not those that it needs.
  void CheckRunUsage() const;
  // The format that was named, or the one that fits the output.
  std::string ChosenFormat() const;
  // How results of that format stand in the output: the formats of others as a JSON list where it
  // ends in .json.
  RecordLayout LayoutOf(const std::string& chosen_format) const;
  ExistingFile OnExisting() const;
  // What decides results, as far as it is known before a model is loaded.
  JobSettings KnownSettings() const;
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_RERANK_OPTIONS_H_
