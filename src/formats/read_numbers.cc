#include "formats/read_numbers.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"

namespace dear {

void ReadNumbers(const TensorSource& source, std::string_view name, std::span<float> values) {
  const Tensor tensor = source.Get(name);
  const std::vector<float> numbers = ToF32(tensor);
  if (numbers.size() != values.size()) {
    throw Error(
        ErrorCode::kInvalidFormat, tensor.Where(),
        "expected " + std::to_string(values.size()) + " numbers, found " + tensor.ShapeString());
  }
  std::ranges::copy(numbers, values.begin());
}

}  // namespace dear
