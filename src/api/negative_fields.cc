#include "api/negative_fields.h"

#include <initializer_list>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace dear {
namespace {

bool Has(const Json& row, const char* key) {
  const auto found = row.find(key);
  return found != row.end() && !found->is_null();
}

// The first of the names that the row uses; null where it uses none.
const char* NameIn(const Json& row, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (Has(row, name)) return name;
  }
  return nullptr;
}

void RefuseFieldsOfAllPassages(const Json& row) {
  const char* name = NameIn(row, {"scores", "neg_scores", "order"});
  if (name == nullptr) return;
  throw Error(ErrorCode::kInvalidFormat, std::string("field '") + name + "'",
              "is a teacher's word on the passages that the row has, which mined ones would lack; "
              "mine first, then label");
}

Json PassageOf(const MinedNegative& negative, bool as_object) {
  if (!as_object && negative.title.empty()) return negative.text;
  Json passage = {{"text", negative.text}};
  if (!negative.docid.empty()) passage["docid"] = negative.docid;
  if (as_object || !negative.title.empty()) passage["title"] = negative.title;
  return passage;
}

Json& ListIn(Json& row, const char* name) {
  Json& field = row[name];
  if (field.is_null()) field = Json::array();
  if (!field.is_array()) field = Json::array({std::move(field)});
  return field;
}

}  // namespace

void AddNegatives(std::span<const MinedNegative> negatives, Json* row) {
  RefuseFieldsOfAllPassages(*row);
  if (const char* list = NameIn(*row, {"passages", "candidates", "hits"})) {
    const bool has_labels = Has(*row, "labels");
    Json& passages = ListIn(*row, list);
    for (const MinedNegative& negative : negatives) {
      Json passage = PassageOf(negative, true);
      if (!has_labels) passage["label"] = 0;
      passages.push_back(std::move(passage));
    }
    if (has_labels) {
      for (size_t i = 0; i < negatives.size(); ++i) (*row)["labels"].push_back(0);
    }
  } else {
    const char* name = NameIn(*row, {"negatives", "negative", "neg", "negative_passages"});
    if (name == nullptr) name = Has(*row, "positive_passages") ? "negative_passages" : "negatives";
    const bool as_object = std::string_view(name) == "negative_passages";
    Json& passages = ListIn(*row, name);
    for (const MinedNegative& negative : negatives)
      passages.push_back(PassageOf(negative, as_object));
  }
  Json& scores = (*row)[kMinedScores] = Json::array();
  for (const MinedNegative& negative : negatives)
    scores.push_back(negative.score ? Json(ShortFloat(*negative.score)) : Json(nullptr));
}

}  // namespace dear
