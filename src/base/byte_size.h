#ifndef DEAR_BASE_BYTE_SIZE_H_
#define DEAR_BASE_BYTE_SIZE_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace dear {

// "12GiB", "800 MB", "1.5GB", "4096" as bytes, from 0 below 2^60; nullopt for anything else.
std::optional<int64_t> ParseByteSize(std::string_view text);

}  // namespace dear

#endif  // DEAR_BASE_BYTE_SIZE_H_
