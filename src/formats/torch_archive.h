#ifndef DEAR_FORMATS_TORCH_ARCHIVE_H_
#define DEAR_FORMATS_TORCH_ARCHIVE_H_

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "formats/tensor_source.h"

namespace dear {

// A .bin or .pt file of torch.save (zip form, torch 1.6 and later): a dict of tensors, mapped.
// Nothing in it is run, see tensor_pickle.h. Tensors that are not contiguous are copied by Get.
class TorchArchive : public TensorSource {
 public:
  // Throws kUnsupported for the older form without a zip archive, and for anything but tensors.
  static std::shared_ptr<const TorchArchive> Open(const std::filesystem::path& path);
  static std::shared_ptr<const TorchArchive> Parse(std::span<const std::byte> bytes,
                                                   const std::shared_ptr<const void>& owner,
                                                   const std::string& origin);

  std::vector<std::string> Names() const override;
  bool Contains(std::string_view name) const override;
  Tensor Get(std::string_view name) const override;
  const std::string& origin() const override { return origin_; }

 private:
  // The bytes of `tensor` begin at its first element and reach to its last one.
  struct View {
    Tensor tensor;
    std::vector<int64_t> strides;  // in elements; empty: contiguous
  };

  std::string origin_;
  std::map<std::string, View, std::less<>> views_;
};

// The tensors of a folder with pytorch_model.bin, or with the shards that
// pytorch_model.bin.index.json lists.
std::shared_ptr<const TensorSource> OpenTorchFolder(const std::filesystem::path& folder);

}  // namespace dear

#endif  // DEAR_FORMATS_TORCH_ARCHIVE_H_
