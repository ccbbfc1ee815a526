#ifndef DEAR_APPS_DEAR_RANK_OUTPUT_H_
#define DEAR_APPS_DEAR_RANK_OUTPUT_H_

#include <cstdint>
#include <string>

#include "base/json.h"
#include "rank/reranker.h"
#include "terminal.h"

namespace dear::app {

// One finished query, with what the output says beside the ranking.
struct RankedQuery {
  const RankRequest& request;
  // Over all passages of the request; those past the depth come last, their score is no number.
  const RankResult& result;
  std::string model;
  std::string recipe;
  std::string error;  // why it has no ranking; empty: it has one
  double load_seconds = 0;
  double total_seconds = 0;
  int64_t top = 0;  // results shown; 0: all
  bool trace = false;
};

// The object that docs and scripts rely on; the order of the fields is part of it.
OrderedJson RankJson(const RankedQuery& ranked);
std::string RankTable(const RankedQuery& ranked, const Terminal& terminal);
// "qid Q0 docid rank score tag" a line. Scores fall from line to line even where they are equal or
// missing, since evaluation sorts by them.
std::string RankTrec(const RankedQuery& ranked);
// The requests that RankLLM and RankGPT read and write, in the new order, one object a line; both
// `dear rerank --jobs` and `dear eval` read them back. Scores fall as in RankTrec.
OrderedJson RankLlmJson(const RankedQuery& ranked);
OrderedJson RankGptJson(const RankedQuery& ranked);
// Any of these by the name that --format gives it, line ends included.
std::string FormatRanked(const RankedQuery& ranked, const std::string& format);
// RankLLM's or RankGPT's object as it stands in a list that is indented by two.
std::string FormatListed(const RankedQuery& ranked, const std::string& format);

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_RANK_OUTPUT_H_
