#include "eval/judged_ranking.h"

#include <algorithm>

#include "base/error.h"
#include "eval/columns.h"

namespace dear::eval {
namespace {

bool Before(const RunRow* a, const RunRow* b) {
  if (a->score != b->score) return a->score > b->score;
  return a->docid() > b->docid();
}

}  // namespace

const JudgedRanking& Judge::Rank(const RunQuery& query, const Topic& topic, const std::string& run,
                                 const std::string& qrels) {
  if (topic.duplicate()) {
    throw Error(ErrorCode::kInvalidFormat, qrels,
                "query '" + Shown(query.qid) + "' judges document '" + Shown(*topic.duplicate()) +
                    "' twice");
  }
  order_.clear();
  for (const std::span<const RunRow> piece : query.pieces) {
    for (const RunRow& row : piece) order_.push_back(&row);
  }
  // Most runs are written in the order of their scores.
  if (!std::ranges::is_sorted(order_, Before)) std::ranges::sort(order_, Before);
  if (static_cast<int64_t>(order_.size()) > options_.max_documents)
    order_.resize(static_cast<size_t>(options_.max_documents));
  hashes_.clear();
  for (const RunRow* row : order_) hashes_.push_back(HashId(row->docid()));
  RefuseDuplicates(query, run);

  ranking_.relevances.clear();
  ranking_.num_relevant_retrieved = 0;
  ranking_.num_not_in_pool = 0;
  ranking_.num_pool_unjudged = 0;
  ranking_.num_in_pool = 0;
  for (size_t i = 0; i < order_.size(); ++i) {
    const Judgement* judgement = topic.Find(order_[i]->docid(), hashes_[i]);
    int32_t relevance = kNotInPool;
    ranking_.num_in_pool += judgement != nullptr ? 1 : 0;
    if (judgement != nullptr)
      relevance = judgement->relevance < 0 ? kPoolUnjudged : judgement->relevance;
    if (relevance < 0) {
      if (options_.judged_only) continue;
      ++(relevance == kNotInPool ? ranking_.num_not_in_pool : ranking_.num_pool_unjudged);
    } else if (relevance >= options_.relevance_level) {
      ++ranking_.num_relevant_retrieved;
    }
    ranking_.relevances.push_back(relevance);
  }
  ranking_.level_counts = &topic.level_counts();
  ranking_.num_relevant = 0;
  for (size_t level = 0; level < topic.level_counts().size(); ++level) {
    if (static_cast<int64_t>(level) >= options_.relevance_level)
      ranking_.num_relevant += topic.level_counts()[level];
  }
  return ranking_;
}

void Judge::RefuseDuplicates(const RunQuery& query, const std::string& run) {
  size_t size = 16;
  while (size < order_.size() * 2) size *= 2;
  slots_.assign(size, 0);
  const size_t mask = size - 1;
  for (size_t i = 0; i < order_.size(); ++i) {
    size_t slot = hashes_[i] & mask;
    while (slots_[slot] != 0) {
      const size_t other = slots_[slot] - 1;
      if (hashes_[other] == hashes_[i] && order_[other]->docid() == order_[i]->docid()) {
        throw Error(ErrorCode::kInvalidFormat, run,
                    "query '" + Shown(query.qid) + "' retrieves document '" +
                        Shown(order_[i]->docid()) + "' twice");
      }
      slot = (slot + 1) & mask;
    }
    slots_[slot] = static_cast<uint32_t>(i + 1);
  }
}

}  // namespace dear::eval
