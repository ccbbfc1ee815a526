#ifndef DEAR_FORMATS_SAFETENSORS_H_
#define DEAR_FORMATS_SAFETENSORS_H_

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "formats/tensor_source.h"
#include "formats/tensor_stream.h"

namespace dear {

// One .safetensors file, mapped. The rules of the format are all checked: header length, offsets
// without holes or overlaps, sizes that agree with shapes, no duplicate names.
class SafetensorsFile : public TensorSource {
 public:
  static std::shared_ptr<const SafetensorsFile> Open(const std::filesystem::path& path);
  static std::shared_ptr<const SafetensorsFile> Parse(std::span<const std::byte> bytes,
                                                      const std::shared_ptr<const void>& owner,
                                                      std::string origin);

  std::vector<std::string> Names() const override;
  bool Contains(std::string_view name) const override;
  Tensor Get(std::string_view name) const override;
  const std::string& origin() const override { return origin_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  std::string origin_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, Tensor, std::less<>> tensors_;
};

// The tensors of a Hugging Face folder: model.safetensors, or the shards that
// model.safetensors.index.json lists. Throws kNotFound that names what was looked for.
std::shared_ptr<const TensorSource> OpenSafetensorsFolder(const std::filesystem::path& folder);

// Writes tensors in the order given, one file; atomically. `metadata` may hold {"format": "pt"}.
// Throws Error: kUnsupported for a type that the format does not have, kInvalidArgument for a name
// twice, kIo. docs/formats.md describes the bytes.
void WriteSafetensors(const std::filesystem::path& path, std::span<const Tensor> tensors,
                      const std::map<std::string, std::string>& metadata);
// The same, tensor by tensor: `produce` makes the bytes when they are wanted.
void WriteSafetensors(const std::filesystem::path& path, std::span<const TensorSpec> tensors,
                      const TensorBytesFn& produce,
                      const std::map<std::string, std::string>& metadata);

// The size beyond which transformers, too, cuts a model into shards.
inline constexpr uint64_t kMaxShardBytes = 5'000'000'000;

// Writes a model into `folder` (which must exist): model.safetensors where the tensors fit in one
// file of `max_shard_bytes`, else model-00001-of-0000N.safetensors … and, last, the index
// model.safetensors.index.json. Returns the files' names in order, the index not among them.
std::vector<std::string> WriteSafetensorsSharded(const std::filesystem::path& folder,
                                                 std::span<const TensorSpec> tensors,
                                                 const TensorBytesFn& produce,
                                                 const std::map<std::string, std::string>& metadata,
                                                 uint64_t max_shard_bytes = kMaxShardBytes);

}  // namespace dear

#endif  // DEAR_FORMATS_SAFETENSORS_H_
