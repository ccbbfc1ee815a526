#ifndef DEAR_FORMATS_SAFETENSORS_HEADER_H_
#define DEAR_FORMATS_SAFETENSORS_HEADER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/dtype.h"

namespace dear {

// One entry of the JSON header, as written: nothing but its syntax is checked.
struct SafetensorsEntry {
  std::string name;
  std::optional<std::string> dtype;
  std::optional<std::vector<uint64_t>> shape;
  std::optional<std::vector<uint64_t>> offsets;  // begin and end in the data after the header
};

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::vector<SafetensorsEntry> entries;  // in file order
};

// Parses the header's JSON as it streams by: memory is bounded by the entries, nesting and numbers
// out of place are refused at once. Throws Error kInvalidFormat.
SafetensorsHeader ParseSafetensorsHeader(std::string_view json, const std::string& origin);

// "BF16" and its like; nullopt for the names that this program has no type for.
std::optional<DType> DTypeOfSafetensorsName(std::string_view name);
// nullopt for GGUF block types, which the format cannot hold.
std::optional<std::string_view> SafetensorsNameOf(DType dtype);

}  // namespace dear

#endif  // DEAR_FORMATS_SAFETENSORS_HEADER_H_
