#ifndef DEAR_FORMATS_ZIP_ARCHIVE_H_
#define DEAR_FORMATS_ZIP_ARCHIVE_H_

#include <cstddef>
#include <map>
#include <span>
#include <string>

namespace dear {

// The entries of a zip archive (zip64 too) by name, where they lie in `bytes`. Only stored entries:
// what torch.save writes is not compressed, so that it can be mapped. Throws kInvalidFormat for a
// broken archive, kUnsupported for a compressed or encrypted entry.
std::map<std::string, std::span<const std::byte>, std::less<>> ReadStoredZip(
    std::span<const std::byte> bytes, const std::string& origin);

}  // namespace dear

#endif  // DEAR_FORMATS_ZIP_ARCHIVE_H_
