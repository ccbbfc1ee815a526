#include "train/ranking_rows.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <numeric>
#include <span>
#include <utility>

#include "base/error.h"
#include "eval/columns.h"
#include "text/python_text.h"
#include "train/row_fields.h"

namespace dear {
namespace {

using Names = std::initializer_list<const char*>;

const Json* Find(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

struct Field {
  const char* name = "";
  const Json* value = nullptr;  // null where there is none
};

Field FindFirst(const Json& object, Names names) {
  for (const char* name : names) {
    if (const Json* value = Find(object, name)) return {name, value};
  }
  return {};
}

// The one of several names of a thing that a row uses.
Field FindOne(const Json& row, Names names) {
  Field found;
  for (const char* name : names) {
    const Json* value = Find(row, name);
    if (value == nullptr) continue;
    if (found.value != nullptr) {
      DropRow("field '" + std::string(name) + "'",
              "stands beside '" + std::string(found.name) + "', another name of the same");
    }
    found = {name, value};
  }
  return found;
}

std::string Id(const Json& value, const std::string& what) {
  if (value.is_number_integer()) return value.dump();
  return RowText(value, what);
}

double Number(const Json& value, const std::string& what) {
  if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
  if (!value.is_number()) DropRowOfType(what, "a number", value);
  const double number = value.get<double>();
  // Losses compute on floats.
  if (!std::isfinite(static_cast<float>(number))) DropRow(what, "is beyond the range of a float");
  return number;
}

double Label(const Json& value, const std::string& what) {
  const double label = Number(value, what);
  if (label < 0 || label > RankingExample::kMaxLabel) {
    DropRow(what, "expected 0..1000, found " + value.dump());
  }
  return label;
}

struct RowState {
  RankingExample example;
  std::vector<std::string> docids;  // of each passage; empty where it has none
  bool has_labels = false;
  std::string qid;
};

void ReadQuery(const Json& row, RowState* state) {
  const Json* query = Find(row, "query");
  if (query == nullptr) DropRow("field 'query'", "is missing");
  Field id = FindOne(row, {"query_id", "qid"});
  if (query->is_object()) {
    if (id.value == nullptr) id = {"query.qid", Find(*query, "qid")};
    query = Find(*query, "text");
    if (query == nullptr) DropRow("field 'query.text'", "is missing");
  }
  state->example.query = RowText(*query, "field 'query'");
  if (StripSpace(state->example.query).empty()) DropRow("field 'query'", "is empty");
  if (id.value != nullptr) state->qid = Id(*id.value, "field '" + std::string(id.name) + "'");
}

void ReadTexts(const Json& object, const std::string& what, RankingPassage* passage) {
  const Field text =
      FindFirst(object, {"text", "segment", "contents", "content", "body", "passage"});
  const Json* title = Find(object, "title");
  if (title != nullptr) passage->title = RowText(*title, what + ": field 'title'");
  if (text.value == nullptr) DropRow(what, "has no text");
  passage->text = RowText(*text.value, what + ": field '" + text.name + "'");
}

void AddPassage(const Json& value, const std::string& what, double label, RowState* state) {
  RankingPassage passage;
  passage.label = label;
  std::string docid;
  if (value.is_string()) {
    passage.text = value.get<std::string>();
  } else if (value.is_object()) {
    const Json* doc = Find(value, "doc");
    if (doc != nullptr && !doc->is_object()) {
      passage.text = RowText(*doc, what + ": field 'doc'");
    } else {
      ReadTexts(doc != nullptr ? *doc : value, what, &passage);
    }
    const Field id = FindFirst(value, {"docid", "doc_id", "_id", "id"});
    if (id.value != nullptr) docid = Id(*id.value, what + ": field '" + id.name + "'");
    if (const Json* own = Find(value, "label")) {
      passage.label = Label(*own, what + ": field 'label'");
      state->has_labels = true;
    }
    if (const Json* score = Find(value, "score"))
      passage.teacher_score = Number(*score, what + ": field 'score'");
  } else {
    DropRowOfType(what, "a text or an object", value);
  }
  if (StripSpace(passage.title).empty() && StripSpace(passage.text).empty())
    DropRow(what, "is empty");
  state->example.passages.push_back(std::move(passage));
  state->docids.push_back(std::move(docid));
}

void AddPassages(const Field& field, double label, RowState* state) {
  if (field.value == nullptr) return;
  if (!field.value->is_array()) {
    AddPassage(*field.value, "field '" + std::string(field.name) + "'", label, state);
    return;
  }
  size_t index = 0;
  for (const Json& value : *field.value) {
    AddPassage(value, "field '" + std::string(field.name) + "'[" + std::to_string(index++) + "]",
               label, state);
  }
}

// A list of numbers beside the list of passages; `set` gives one to its passage.
template <typename Set>
void ReadNumbers(const Json& list, const std::string& what, std::span<RankingPassage> passages,
                 Set set) {
  if (!list.is_array()) DropRowOfType(what, "a list", list);
  if (list.size() != passages.size()) {
    DropRow(what, "has " + std::to_string(list.size()) + " numbers for " +
                      std::to_string(passages.size()) + " passages");
  }
  for (size_t i = 0; i < passages.size(); ++i)
    set(list[i], what + "[" + std::to_string(i) + "]", &passages[i]);
}

void ReadScores(const Json& row, const char* key, std::span<RankingPassage> passages) {
  const Json* list = Find(row, key);
  if (list == nullptr) return;
  ReadNumbers(*list, "field '" + std::string(key) + "'", passages,
              [](const Json& value, const std::string& what, RankingPassage* passage) {
                if (passage->teacher_score) DropRow(what, "the passage has a 'score', too");
                passage->teacher_score = Number(value, what);
              });
}

void ReadSides(const Json& row, const Field& positives, const Field& negatives, RowState* state) {
  AddPassages(positives, 1, state);
  const size_t num_positives = state->example.passages.size();
  AddPassages(negatives, 0, state);
  state->has_labels = true;
  const std::span<RankingPassage> all = state->example.passages;
  ReadScores(row, "pos_scores", all.first(num_positives));
  ReadScores(row, "neg_scores", all.subspan(num_positives));
  ReadScores(row, "scores", all);
}

std::vector<int32_t> ReadOrder(const Json& list, size_t count) {
  const std::string what = "field 'order'";
  if (!list.is_array()) DropRowOfType(what, "a list", list);
  std::vector<int32_t> order;
  std::vector<bool> seen(count);
  for (const Json& value : list) {
    const bool fits = value.is_number_unsigned() && value.get<uint64_t>() < count;
    if (!fits || seen[value.get<size_t>()]) {
      DropRow(what, "expected each of 0.." + std::to_string(count - 1) + " once, found " +
                        (value.is_primitive() ? value.dump() : value.type_name()));
    }
    seen[value.get<size_t>()] = true;
    order.push_back(value.get<int32_t>());
  }
  if (order.size() != count) {
    DropRow(what,
            "names " + std::to_string(order.size()) + " of " + std::to_string(count) + " passages");
  }
  return order;
}

void ReadList(const Json& row, const Field& passages, RowState* state) {
  if (!passages.value->is_array()) {
    DropRowOfType("field '" + std::string(passages.name) + "'", "a list", *passages.value);
  }
  AddPassages(passages, 0, state);
  RankingExample& example = state->example;
  ReadScores(row, "scores", example.passages);
  if (const Json* labels = Find(row, "labels")) {
    ReadNumbers(*labels, "field 'labels'", example.passages,
                [](const Json& value, const std::string& what, RankingPassage* passage) {
                  passage->label = Label(value, what);
                });
    state->has_labels = true;
  }
  const auto has_score = [](const RankingPassage& p) { return p.teacher_score.has_value(); };
  if (const Json* order = Find(row, "order")) {
    example.teacher_order = ReadOrder(*order, example.passages.size());
  } else if (!state->has_labels && std::ranges::none_of(example.passages, has_score)) {
    example.teacher_order.resize(example.passages.size());
    std::iota(example.teacher_order.begin(), example.teacher_order.end(), 0);
  }
}

void Judge(const eval::Qrels& qrels, RowState* state) {
  if (state->qid.empty()) {
    DropRow("field 'query_id'", "is missing, and with it the judgements of " + qrels.name());
  }
  const eval::Topic* topic = qrels.Find(state->qid);
  if (topic == nullptr) DropRow("query '" + state->qid + "'", "is not judged in " + qrels.name());
  for (size_t i = 0; i < state->docids.size(); ++i) {
    const std::string& docid = state->docids[i];
    if (docid.empty()) DropRow("passage " + std::to_string(i), "has no docid to be judged by");
    const eval::Judgement* judgement = topic->Find(docid, eval::HashId(docid));
    const int32_t relevance = judgement == nullptr ? 0 : std::max(0, judgement->relevance);
    if (relevance > RankingExample::kMaxLabel) {
      DropRow("document '" + docid + "'",
              "expected a relevance up to 1000, found " + std::to_string(relevance));
    }
    state->example.passages[i].label = relevance;
  }
}

void CheckNeeds(const RankingExample& example, const RankingNeeds& needs) {
  if (example.passages.size() < needs.passages) {
    DropRow("passages",
            "expected at least " +
                (needs.passages == 2 ? "two to compare" : std::to_string(needs.passages)) +
                ", found " + std::to_string(example.passages.size()));
  }
  if (needs.labels && UsablePositives(example).empty()) {
    DropRow("passages", "the loss needs a positive one and one that is less relevant");
  }
  const bool needs_scores =
      needs.teacher_scores || (needs.teacher_order && example.teacher_order.empty());
  if (!needs_scores) return;
  for (size_t i = 0; i < example.passages.size(); ++i) {
    if (example.passages[i].teacher_score) continue;
    DropRow("passage " + std::to_string(i), "has no teacher's score, which the loss needs");
  }
}

RankingExample ReadExample(const Json& row, const RankingNeeds& needs, const eval::Qrels* qrels) {
  if (!row.is_object()) DropRowOfType("row", "an object", row);
  RowState state;
  state.has_labels = qrels != nullptr;
  ReadQuery(row, &state);
  const Field list = FindOne(row, {"passages", "candidates", "hits"});
  const Field positives = FindOne(row, {"positive", "positives", "pos", "positive_passages"});
  const Field negatives = FindOne(row, {"negatives", "negative", "neg", "negative_passages"});
  const bool has_sides = positives.value != nullptr || negatives.value != nullptr;
  if (has_sides && list.value != nullptr) {
    DropRow("field '" + std::string(list.name) + "'", "stands beside positives or negatives");
  }
  if (!has_sides && list.value == nullptr) {
    DropRow("row", "expected positive and negatives, or passages, or candidates");
  }
  has_sides ? ReadSides(row, positives, negatives, &state) : ReadList(row, list, &state);
  if (qrels != nullptr) Judge(*qrels, &state);
  CheckNeeds(state.example, needs);
  return std::move(state.example);
}

}  // namespace

RankingNeeds RankingNeeds::Of(const RankingLoss& loss) {
  return {.labels = loss.needs_labels(),
          .teacher_scores = loss.needs_teacher_scores(),
          .teacher_order = loss.needs_teacher_order()};
}

RankingRow ReadRankingRow(const Json& row, const RankingNeeds& needs, const eval::Qrels* qrels) {
  try {
    return {ReadExample(row, needs, qrels), ""};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidFormat) throw;
    return {std::nullopt, error.what()};
  }
}

std::vector<int32_t> UsablePositives(const RankingExample& example) {
  const auto lowest = std::ranges::min_element(example.passages, {}, &RankingPassage::label);
  std::vector<int32_t> positives;
  for (size_t i = 0; i < example.passages.size(); ++i) {
    const double label = example.passages[i].label;
    if (label > 0 && label > lowest->label) positives.push_back(static_cast<int32_t>(i));
  }
  return positives;
}

}  // namespace dear
