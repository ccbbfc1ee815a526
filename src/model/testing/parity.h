#ifndef DEAR_MODEL_TESTING_PARITY_H_
#define DEAR_MODEL_TESTING_PARITY_H_

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/session.h"

namespace dear::testing {

inline int32_t ArgMax(std::span<const float> logits) {
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// `count` greedy tokens, the first of them from `logits`.
inline std::vector<int32_t> ContinueGreedily(Session& session, SequenceId sequence,
                                             std::span<const float> logits, size_t count) {
  std::vector<int32_t> tokens = {ArgMax(logits)};
  while (tokens.size() < count) {
    const int32_t last = tokens.back();
    const Step step{.sequence = sequence, .tokens = {&last, 1}, .logits_from = 0};
    tokens.push_back(ArgMax(session.Forward({&step, 1}).Row(0)));
  }
  return tokens;
}

// One line of the parity report: printed, and appended to the file that DEAR_PARITY_OUT names.
// `greedy_tokens` is 0 where nothing was continued (classifiers).
inline void ReportParity(const std::string& suite, const std::string& name, double max_rel_diff,
                         double tolerance, bool greedy_equal, size_t greedy_tokens) {
  Json line = {
      {"suite", suite}, {"case", name}, {"max_rel_diff", max_rel_diff}, {"tolerance", tolerance}};
  if (greedy_tokens > 0) {
    line["greedy_equal"] = greedy_equal;
    line["greedy_tokens"] = greedy_tokens;
  }
  std::printf("parity %s\n", line.dump().c_str());
  if (const char* path = std::getenv("DEAR_PARITY_OUT")) {
    std::ofstream(path, std::ios::app) << line.dump() << '\n';
  }
}

}  // namespace dear::testing

#endif  // DEAR_MODEL_TESTING_PARITY_H_
