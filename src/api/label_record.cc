#include "api/label_record.h"

#include <array>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"

namespace dear {
namespace {

// The names that ReadRankingRow knows; a row has one of each at most.
constexpr std::array kPositives = {"positive", "positives", "pos", "positive_passages"};
constexpr std::array kNegatives = {"negatives", "negative", "neg", "negative_passages"};
constexpr std::array kLists = {"passages", "candidates", "hits"};

// The passages under one of the names: a list, or one of them without brackets; null where there
// are none.
OrderedJson* Find(OrderedJson& row, std::span<const char* const> names) {
  for (const char* name : names) {
    const auto found = row.find(name);
    if (found != row.end() && !found->is_null()) return &*found;
  }
  return nullptr;
}

void MoveScore(OrderedJson& passage) {
  if (!passage.is_object() || !passage.contains("score")) return;
  if (!passage["score"].is_null()) passage["previous_score"] = passage["score"];
  passage.erase("score");
}

void MoveScores(OrderedJson* passages) {
  if (passages == nullptr) return;
  if (!passages->is_array()) return MoveScore(*passages);
  for (OrderedJson& passage : *passages) MoveScore(passage);
}

// The row without what an earlier teacher said.
OrderedJson WithoutTeacher(const Json& json) {
  OrderedJson row(json);
  for (const char* name : {"scores", "pos_scores", "neg_scores", "order", "teacher"})
    row.erase(name);
  for (const std::span<const char* const> names :
       {std::span<const char* const>(kPositives), std::span<const char* const>(kNegatives),
        std::span<const char* const>(kLists)}) {
    MoveScores(Find(row, names));
  }
  return row;
}

OrderedJson Numbers(std::span<const float> scores) {
  OrderedJson list = OrderedJson::array();
  for (const float score : scores) list.push_back(ShortFloat(score));
  return list;
}

void RequireOneEach(size_t given, const LabelRow& row) {
  if (given == row.example->passages.size()) return;
  throw Error(ErrorCode::kInternal, "label", "a teacher must say something of every passage");
}

}  // namespace

std::string_view LabelFormName(LabelForm form) {
  switch (form) {
    case LabelForm::kScores: return "scores";
    case LabelForm::kOrder: return "order";
    case LabelForm::kSft: return "sft";
  }
  return "";
}

OrderedJson ScoresRecord(const LabelRow& row, std::span<const float> scores) {
  RequireOneEach(scores.size(), row);
  OrderedJson record = WithoutTeacher(row.json);
  const OrderedJson* positives = Find(record, kPositives);
  size_t num_positives = positives == nullptr ? 0 : 1;
  if (positives != nullptr && positives->is_array()) num_positives = positives->size();
  if (positives == nullptr && Find(record, kNegatives) == nullptr) {
    record["scores"] = Numbers(scores);
    return record;
  }
  record["pos_scores"] = Numbers(scores.first(num_positives));
  record["neg_scores"] = Numbers(scores.subspan(num_positives));
  return record;
}

OrderedJson OrderRecord(const LabelRow& row, std::span<const int64_t> order) {
  RequireOneEach(order.size(), row);
  OrderedJson record = WithoutTeacher(row.json);
  if (Find(record, kLists) == nullptr) {
    OrderedJson passages = OrderedJson::array();
    for (const std::span<const char* const> names :
         {std::span<const char* const>(kPositives), std::span<const char* const>(kNegatives)}) {
      const OrderedJson* side = Find(record, names);
      if (side != nullptr && !side->is_array()) passages.push_back(*side);
      if (side != nullptr && side->is_array())
        passages.insert(passages.end(), side->begin(), side->end());
      for (const char* name : names) record.erase(name);
    }
    record["passages"] = std::move(passages);
    OrderedJson labels = OrderedJson::array();
    for (const RankingPassage& passage : row.example->passages) labels.push_back(passage.label);
    record["labels"] = std::move(labels);
  }
  record["order"] = std::vector<int64_t>(order.begin(), order.end());
  return record;
}

}  // namespace dear
