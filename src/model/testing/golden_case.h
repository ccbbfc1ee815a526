#ifndef DEAR_MODEL_TESTING_GOLDEN_CASE_H_
#define DEAR_MODEL_TESTING_GOLDEN_CASE_H_

#include <cstring>
#include <filesystem>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/json.h"
#include "formats/checkpoint.h"
#include "formats/peft_adapter.h"
#include "model/adapter.h"
#include "model/model.h"

namespace dear::testing {

// One case of tests/golden/model/cases.json; paths are relative to its folder.
struct GoldenCase {
  std::string name;
  std::string base;
  std::string adapter;  // empty: none
  std::string expected;
  WeightFormOptions weights;
  int64_t classifier_labels = 0;  // a causal base under an adapter that brings a score head
};

inline void PrintTo(const GoldenCase& test, std::ostream* out) {
  *out << test.name;
}

inline std::filesystem::path GoldenFolder() {
  return std::filesystem::path(DEAR_SOURCE_DIR) / "tests/golden/model";
}

inline std::vector<GoldenCase> GoldenCases() {
  std::vector<GoldenCase> cases;
  const Json file = ReadJsonFile(GoldenFolder() / "cases.json");
  for (const Json& json : file["cases"]) {
    GoldenCase test{.name = json["name"],
                    .base = json["base"],
                    .adapter = json.value("adapter", ""),
                    .expected = json["expected"],
                    .weights = {},
                    .classifier_labels = json.value("classifier_labels", 0)};
    const std::string form = json.value("weights", "");
    if (form == "nf4") test.weights.form = WeightForm::kNf4;
    if (form == "fp4") test.weights.form = WeightForm::kFp4;
    if (form == "int8") test.weights.form = WeightForm::kInt8;
    test.weights.double_quant = json.value("double_quant", false);
    cases.push_back(std::move(test));
  }
  return cases;
}

inline GoldenCase FindGolden(const std::string& name) {
  for (GoldenCase& test : GoldenCases()) {
    if (test.name == name) return test;
  }
  throw std::runtime_error("no golden case " + name);
}

inline std::shared_ptr<const Model> LoadGolden(const GoldenCase& test,
                                               Compute compute = Compute::kReference) {
  Checkpoint checkpoint = OpenCheckpoint(GoldenFolder() / test.base);
  if (test.classifier_labels > 0) {
    checkpoint.config.head = HeadKind::kSequenceClassification;
    checkpoint.config.num_labels = test.classifier_labels;
  }
  LoadOptions options;
  options.weights = test.weights;
  options.compute = compute;
  options.check_finite = true;
  return Model::Load(checkpoint, options);
}

inline std::shared_ptr<const Adapter> BindGolden(const GoldenCase& test, const Model& model) {
  if (test.adapter.empty()) return nullptr;
  return Adapter::Bind(model, OpenPeftAdapter(GoldenFolder() / test.adapter), test.name);
}

inline std::vector<int32_t> Int32s(const Tensor& tensor) {
  std::vector<int32_t> values(static_cast<size_t>(tensor.elements()));
  std::memcpy(values.data(), tensor.bytes.data(), values.size() * sizeof(int32_t));
  return values;
}

}  // namespace dear::testing

#endif  // DEAR_MODEL_TESTING_GOLDEN_CASE_H_
