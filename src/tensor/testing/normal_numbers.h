#ifndef DEAR_TENSOR_TESTING_NORMAL_NUMBERS_H_
#define DEAR_TENSOR_TESTING_NORMAL_NUMBERS_H_

#include <cstdint>
#include <random>
#include <vector>

namespace dear::testing {

inline std::vector<float> NormalNumbers(std::mt19937& random, int64_t count, float deviation = 1) {
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

}  // namespace dear::testing

#endif  // DEAR_TENSOR_TESTING_NORMAL_NUMBERS_H_
