#ifndef DEAR_BASE_SHA256_H_
#define DEAR_BASE_SHA256_H_

#include <cstddef>
#include <span>
#include <string>

namespace dear {

// The SHA-256 of `bytes` (FIPS 180-4), 64 lower-case hex digits.
std::string Sha256Hex(std::span<const std::byte> bytes);

}  // namespace dear

#endif  // DEAR_BASE_SHA256_H_
