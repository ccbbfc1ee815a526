#ifndef DEAR_FORMATS_TENSOR_LAYOUT_H_
#define DEAR_FORMATS_TENSOR_LAYOUT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dear {

// The product of a shape read from a file; nullopt where it, or the product of its extents that
// are not zero, does not fit in int64 (so that no later multiplication can overflow either).
std::optional<uint64_t> CountElements(std::span<const uint64_t> shape);

// Throws Error kInvalidFormat where `name` (of a tensor or a metadata key) is longer than any real
// one or holds control characters: it will stand in messages.
void CheckName(std::string_view name, const std::string& origin);

// Where a tensor's bytes lie, relative to the start of the file's tensor data.
struct TensorExtent {
  uint64_t begin = 0;
  uint64_t end = 0;
  std::string_view name;
};

// Sorts by place and throws Error kInvalidFormat (context `origin`) where two overlap. With
// `without_holes` each must also begin where the one before ends, and the last must end at
// `data_size`.
void CheckExtents(std::vector<TensorExtent>& extents, uint64_t data_size, bool without_holes,
                  const std::string& origin);

}  // namespace dear

#endif  // DEAR_FORMATS_TENSOR_LAYOUT_H_
