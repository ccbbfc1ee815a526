#include "formats/tensor_layout.h"

#include <algorithm>

#include "base/checked.h"
#include "base/error.h"

namespace dear {

std::optional<uint64_t> CountElements(std::span<const uint64_t> shape) {
  uint64_t product = 1;
  bool empty = false;
  for (const uint64_t extent : shape) {
    if (extent == 0) {
      empty = true;
      continue;
    }
    const auto next = CheckedMul(product, extent);
    if (!next || *next > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
    product = *next;
  }
  return empty ? 0 : product;
}

void CheckName(std::string_view name, const std::string& origin) {
  constexpr size_t kLongest = 1024;
  if (name.size() > kLongest) {
    throw Error(ErrorCode::kInvalidFormat, origin,
                "a name is " + std::to_string(name.size()) + " bytes long, at most " +
                    std::to_string(kLongest) + " are allowed");
  }
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      throw Error(ErrorCode::kInvalidFormat, origin, "a name holds control characters");
    }
  }
}

void CheckExtents(std::vector<TensorExtent>& extents, uint64_t data_size, bool without_holes,
                  const std::string& origin) {
  std::sort(extents.begin(), extents.end(), [](const TensorExtent& a, const TensorExtent& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  const auto fail = [&](std::string_view name, const std::string& what) {
    throw Error(ErrorCode::kInvalidFormat, origin + ": tensor '" + std::string(name) + "'", what);
  };
  uint64_t at = 0;
  for (const TensorExtent& extent : extents) {
    if (extent.begin < at) fail(extent.name, "its bytes overlap those of another tensor");
    if (without_holes && extent.begin > at) {
      fail(extent.name, "begins at byte " + std::to_string(extent.begin) +
                            " of the tensor data, expected " + std::to_string(at));
    }
    at = std::max(at, extent.end);
  }
  if (without_holes && at != data_size) {
    throw Error(ErrorCode::kInvalidFormat, origin,
                "holds " + std::to_string(data_size) + " bytes of tensor data, its tensors take " +
                    std::to_string(at));
  }
}

}  // namespace dear
