#ifndef DEAR_FORMATS_READ_NUMBERS_H_
#define DEAR_FORMATS_READ_NUMBERS_H_

#include <span>
#include <string_view>

#include "formats/tensor_source.h"

namespace dear {

// The numbers of the tensor `name` into `values`. Throws as TensorSource::Get does, and
// kInvalidFormat where they are not as many.
void ReadNumbers(const TensorSource& source, std::string_view name, std::span<float> values);

}  // namespace dear

#endif  // DEAR_FORMATS_READ_NUMBERS_H_
