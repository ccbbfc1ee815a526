#ifndef DEAR_KERNELS_TESTING_CODED_FORMS_H_
#define DEAR_KERNELS_TESTING_CODED_FORMS_H_

#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "tensor/matrix.h"
#include "tensor/quantize.h"

namespace dear::testing {

// A matrix [rows, cols] of normal numbers as f32, and as codes of each kind; cols whole blocks of
// 64.
inline std::vector<std::shared_ptr<const Matrix>> MatricesOfEveryForm(std::mt19937& random,
                                                                      int64_t rows, int64_t cols) {
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(rows * cols));
  for (float& value : values) value = normal(random);
  const auto source = MakeMatrix(MakeTensor("w", {rows, cols}, values));
  std::vector<std::shared_ptr<const Matrix>> forms = {source};
  for (const WeightForm form : {WeightForm::kBF16, WeightForm::kInt8, WeightForm::kNf4,
                                WeightForm::kFp4, WeightForm::kQ8_0, WeightForm::kQ4_0}) {
    forms.push_back(ConvertMatrix(source, {.form = form}));
  }
  for (const DType dtype : {DType::kQ4_1, DType::kQ5_0, DType::kQ5_1}) {
    std::vector<std::byte> bytes(*StorageBytes(dtype, static_cast<uint64_t>(rows * cols)));
    QuantizeFromF32(dtype, values.data(), rows * cols, bytes.data());
    forms.push_back(MakeMatrix(MakeTensor("w", dtype, {rows, cols}, std::move(bytes))));
  }
  return forms;
}

}  // namespace dear::testing

#endif  // DEAR_KERNELS_TESTING_CODED_FORMS_H_
