#ifndef DEAR_APPS_DEAR_EVAL_FLAGS_H_
#define DEAR_APPS_DEAR_EVAL_FLAGS_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "command.h"

namespace dear::app {

// The command line of `dear eval`.
struct EvalFlags {
  std::vector<std::string> files;  // QRELS RUN…, or runs alone beside --qrels and --published
  std::string qrels;
  std::string model;
  std::string jobs;
  std::string run, topics, corpus;
  std::string rerank;
  std::optional<uint64_t> prefix_cache;  // of reranking, in bytes
  std::string ranked;
  std::string published;
  std::string data = ".";
  std::vector<std::string> measures;
  std::string gain = "linear";
  bool per_query = false;
  bool complete = false;
  bool no_summary = false;
  bool judged_only = false;
  int64_t level = 1;
  int64_t max_documents = std::numeric_limits<int64_t>::max();
  int64_t collection_size = 0;
  std::string base;
  int64_t permutations = 10000;
  uint64_t seed = 1;
  std::string report;
  bool table = false;
  bool json = false;
  int threads = 0;

  void Declare(CLI::App& command);
  // Puts the first of `files` into `qrels` where it belongs there. Throws CLI::ValidationError for
  // a combination that makes no sense.
  void Settle();
  // What --model reranks, as flags of dear rerank.
  std::vector<std::string> RerankInput() const;
};

// Whether a report of that name is Markdown (.md), not HTML.
bool IsMarkdown(const std::string& path);
// The examples and explanations that end the help.
std::string EvalExamples();

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_EVAL_FLAGS_H_
