#ifndef DEAR_BASE_XXH64_H_
#define DEAR_BASE_XXH64_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace dear {

// XXH64 of `bytes` with seed 0 (libxxhash): finds damage at the rate of memory, keeps
// nobody from forging.
uint64_t Xxh64(std::span<const std::byte> bytes);

}  // namespace dear

#endif  // DEAR_BASE_XXH64_H_
