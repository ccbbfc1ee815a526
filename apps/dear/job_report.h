#ifndef DEAR_APPS_DEAR_JOB_REPORT_H_
#define DEAR_APPS_DEAR_JOB_REPORT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "rank/reranker.h"

namespace dear::app {

// What a job took: counted once, where the results of queries that shared a call each count it.
class JobReport {
 public:
  // A call of the model.
  void Add(const RankCall& call);
  // A query that was ranked, or failed.
  void Add(const RankOutcome& outcome);

  size_t queries() const { return queries_; }
  int64_t tokens() const { return usage_.prompt_tokens + usage_.completion_tokens; }
  // A few lines for people: queries and how many failed; calls, passes and tokens; and of listwise
  // rankings how many answers had to be repaired, and why, and how many windows were left out where
  // the first places alone were settled.
  std::vector<std::string> Lines(double seconds) const;

 private:
  size_t queries_ = 0;
  size_t failed_ = 0;
  int64_t calls_ = 0;
  int64_t prompts_ = 0;
  Usage usage_;
  std::array<int64_t, 4> repairs_ = {};  // windows by Repair
  int64_t left_out_ = 0;                 // of the settled_of_ windows of settled rankings
  int64_t settled_of_ = 0;
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_JOB_REPORT_H_
