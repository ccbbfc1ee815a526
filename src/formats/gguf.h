#ifndef DEAR_FORMATS_GGUF_H_
#define DEAR_FORMATS_GGUF_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/mapped_file.h"
#include "formats/tensor_source.h"

namespace dear {

// A GGUF metadata value. Integers of every width are kept as int64 (u64 beyond it is refused),
// floats as double. Arrays hold one element type.
using GgufValue = std::variant<bool, int64_t, double, std::string, std::vector<bool>,
                               std::vector<int64_t>, std::vector<double>, std::vector<std::string>>;

// A GGUF file, version 2 or 3, little-endian: metadata read, tensors mapped, under the names that
// the file gives them.
class GgufFile : public TensorSource {
 public:
  static std::shared_ptr<const GgufFile> Open(const std::filesystem::path& path);
  // The same over bytes at hand, which `owner` keeps alive (for tests and fuzzing).
  static std::shared_ptr<const GgufFile> Parse(std::span<const std::byte> bytes,
                                               const std::shared_ptr<const void>& owner,
                                               std::string origin);

  std::vector<std::string> Names() const override;
  bool Contains(std::string_view name) const override;
  Tensor Get(std::string_view name) const override;
  const std::string& origin() const override { return origin_; }

  const std::map<std::string, GgufValue, std::less<>>& metadata() const { return metadata_; }
  // Typed access; nullopt where the key is absent, kInvalidFormat where it has another type.
  std::optional<int64_t> Int(std::string_view key) const;
  std::optional<double> Number(std::string_view key) const;
  std::optional<bool> Bool(std::string_view key) const;
  std::optional<std::string> String(std::string_view key) const;
  const std::vector<std::string>* Strings(std::string_view key) const;  // null where absent
  const std::vector<int64_t>* Ints(std::string_view key) const;
  const std::vector<double>* Numbers(std::string_view key) const;

 private:
  std::string origin_;
  std::map<std::string, GgufValue, std::less<>> metadata_;
  std::map<std::string, Tensor, std::less<>> tensors_;
};

}  // namespace dear

#endif  // DEAR_FORMATS_GGUF_H_
