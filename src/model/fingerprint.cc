#include "model/fingerprint.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "base/sha256.h"

namespace dear {
namespace {

// Numbers of an array that are looked at.
constexpr size_t kSample = 4096;

class Sample {
 public:
  // A length, then numbers that lie evenly over the array.
  void Add(std::span<const float> values) {
    AddLength(static_cast<int64_t>(values.size()));
    const size_t step = std::max<size_t>(1, values.size() / kSample);
    for (size_t i = 0; i < values.size(); i += step) numbers_.push_back(values[i]);
  }

  void Add(const Matrix* matrix) {
    AddLength(matrix == nullptr ? 0 : matrix->rows());
    if (matrix == nullptr || matrix->rows() == 0) return;
    std::vector<float> row(static_cast<size_t>(matrix->cols()));
    matrix->CopyRows(matrix->rows() / 2, 1, row.data());
    Add(row);
  }

  std::string Hash() const { return Sha256Hex(std::as_bytes(std::span(numbers_))); }

 private:
  void AddLength(int64_t length) {
    numbers_.push_back(static_cast<float>(length & 0xffff));
    numbers_.push_back(static_cast<float>(length >> 16));
  }

  std::vector<float> numbers_;
};

}  // namespace

std::string Fingerprint(const Model& model) {
  Sample sample;
  model.ForEachLinear([&](const Linear& linear) {
    sample.Add(linear.weight.get());
    sample.Add(linear.bias);
  });
  model.ForEachNorm([&](const Norm& norm) { sample.Add(norm.weight); });
  return sample.Hash();
}

std::string Fingerprint(const Adapter& adapter) {
  Sample sample;
  for (int id = 0; id < adapter.base().num_modules(); ++id) {
    const ModuleDelta* delta = adapter.delta(id);
    if (delta == nullptr) continue;
    const float place[] = {static_cast<float>(id), delta->scaling};
    sample.Add(place);
    for (const std::vector<float>* numbers :
         {&delta->a, &delta->b, &delta->b_bias, &delta->dora_scale, &delta->replaced_bias,
          &delta->replaced_norm}) {
      sample.Add(*numbers);
    }
    sample.Add(delta->replaced_weight.get());
  }
  return sample.Hash();
}

}  // namespace dear
