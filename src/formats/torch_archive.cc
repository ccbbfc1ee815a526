#include "formats/torch_archive.h"

#include <cstring>
#include <system_error>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "formats/shards.h"
#include "formats/tensor_layout.h"
#include "formats/tensor_pickle.h"
#include "formats/zip_archive.h"

namespace dear {
namespace {

using ZipEntries = std::map<std::string, std::span<const std::byte>, std::less<>>;

bool StartsWith(std::span<const std::byte> bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

// The folder within the archive that everything stands in, with its slash: "archive/".
std::string FindRoot(const ZipEntries& entries, const std::string& origin) {
  constexpr std::string_view kPickle = "/data.pkl";
  std::string root;
  for (const auto& [name, data] : entries) {
    if (!name.ends_with(kPickle) || name.find('/') != name.size() - kPickle.size()) continue;
    if (!root.empty()) {
      throw Error(ErrorCode::kInvalidFormat, origin, "holds more than one data.pkl");
    }
    root = name.substr(0, name.size() - kPickle.size() + 1);
  }
  if (root.empty()) {
    throw Error(ErrorCode::kInvalidFormat, origin,
                "is no archive of torch.save: data.pkl is missing");
  }
  return root;
}

void CheckByteOrder(const ZipEntries& entries, const std::string& root, const std::string& origin) {
  const auto order = entries.find(root + "byteorder");
  if (order != entries.end() &&
      !(order->second.size() == 6 && StartsWith(order->second, "little"))) {
    throw Error(ErrorCode::kUnsupported, origin, "its numbers are not little-endian");
  }
}

// Elements from the first of a strided view to its last, both included; 0 for an empty one.
std::optional<uint64_t> Reach(const PickledTensor& pickled) {
  uint64_t reach = 1;
  for (size_t i = 0; i < pickled.shape.size(); ++i) {
    if (pickled.shape[i] == 0) return 0;
    const auto step = CheckedMul(static_cast<uint64_t>(pickled.shape[i] - 1),
                                 static_cast<uint64_t>(pickled.strides[i]));
    const auto sum = step ? CheckedAdd(reach, *step) : std::nullopt;
    if (!sum) return std::nullopt;
    reach = *sum;
  }
  return reach;
}

bool IsContiguous(const PickledTensor& pickled) {
  int64_t expected = 1;
  for (size_t i = pickled.shape.size(); i-- > 0;) {
    if (pickled.shape[i] != 1 && pickled.strides[i] != expected) return false;
    expected *= pickled.shape[i];
  }
  return true;
}

// The bytes that a tensor reaches over, checked against its storage.
std::span<const std::byte> Locate(const PickledTensor& pickled, const Tensor& tensor,
                                  std::span<const std::byte> storage) {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorCode::kInvalidFormat, tensor.Where(), what);
  };
  const auto width = static_cast<uint64_t>(Traits(pickled.dtype).block_bytes);
  if (storage.size() / width < pickled.storage_elements) {
    fail("its storage holds " + std::to_string(storage.size()) + " bytes, fewer than " +
         std::to_string(pickled.storage_elements) + " numbers need");
  }
  const std::vector<uint64_t> shape(pickled.shape.begin(), pickled.shape.end());
  const auto elements = CountElements(shape);
  const auto reach = Reach(pickled);
  const auto end = reach ? CheckedAdd(pickled.offset, *reach) : std::nullopt;
  if (!elements || !end || *end > pickled.storage_elements) {
    fail("shape " + tensor.ShapeString() + " reaches beyond its storage");
  }
  // More numbers than the storage has: a view that repeats them, which no weight needs.
  if (*elements > pickled.storage_elements) fail("its numbers overlap each other");
  return storage.subspan(pickled.offset * width, *reach * width);
}

Tensor CopyStrided(const Tensor& view, const std::vector<int64_t>& strides) {
  const auto width = static_cast<size_t>(Traits(view.dtype).block_bytes);
  const auto count = static_cast<size_t>(view.elements());
  auto buffer = std::make_shared<std::vector<std::byte>>(count * width);
  std::vector<int64_t> index(view.shape.size(), 0);
  size_t from = 0;  // in elements
  for (size_t to = 0; to < count; ++to) {
    std::memcpy(buffer->data() + to * width, view.bytes.data() + from * width, width);
    for (size_t axis = index.size(); axis-- > 0;) {
      from += static_cast<size_t>(strides[axis]);
      if (++index[axis] < view.shape[axis]) break;
      from -= static_cast<size_t>(strides[axis] * view.shape[axis]);
      index[axis] = 0;
    }
  }
  Tensor copy = view;
  copy.bytes = *buffer;
  copy.owner = std::move(buffer);
  return copy;
}

}  // namespace

std::shared_ptr<const TorchArchive> TorchArchive::Open(const std::filesystem::path& path) {
  auto file = MappedFile::Open(path);
  return Parse(file->bytes(), file, path.string());
}

std::shared_ptr<const TorchArchive> TorchArchive::Parse(std::span<const std::byte> bytes,
                                                        const std::shared_ptr<const void>& owner,
                                                        const std::string& origin) {
  if (StartsWith(bytes, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19")) {
    throw Error(ErrorCode::kUnsupported, origin,
                "is in torch's old format without a zip archive; save it again with torch 1.6 or "
                "later, or as safetensors");
  }
  if (!StartsWith(bytes, "PK")) {
    throw Error(ErrorCode::kInvalidFormat, origin, "is no archive of torch.save (no zip file)");
  }
  const ZipEntries entries = ReadStoredZip(bytes, origin);
  const std::string root = FindRoot(entries, origin);
  CheckByteOrder(entries, root, origin);

  auto archive = std::make_shared<TorchArchive>();
  archive->origin_ = origin;
  for (const auto& [name, pickled] : ReadTensorPickle(entries.at(root + "data.pkl"), origin)) {
    CheckName(name, origin);
    Tensor tensor{name, pickled.dtype, pickled.shape, {}, owner, origin};
    const auto storage = entries.find(root + "data/" + pickled.storage_key);
    if (storage == entries.end()) {
      throw Error(ErrorCode::kInvalidFormat, tensor.Where(), "its storage is missing");
    }
    tensor.bytes = Locate(pickled, tensor, storage->second);
    const bool dense = tensor.elements() == 0 || IsContiguous(pickled);
    archive->views_.insert_or_assign(
        name, View{std::move(tensor), dense ? std::vector<int64_t>{} : pickled.strides});
  }
  return archive;
}

std::vector<std::string> TorchArchive::Names() const {
  std::vector<std::string> names;
  names.reserve(views_.size());
  for (const auto& [name, view] : views_) names.push_back(name);
  return names;
}

bool TorchArchive::Contains(std::string_view name) const {
  return views_.find(name) != views_.end();
}

Tensor TorchArchive::Get(std::string_view name) const {
  const auto found = views_.find(name);
  if (found == views_.end()) {
    throw Error(ErrorCode::kNotFound, origin_, "holds no tensor '" + std::string(name) + "'");
  }
  const View& view = found->second;
  return view.strides.empty() ? view.tensor : CopyStrided(view.tensor, view.strides);
}

std::shared_ptr<const TensorSource> OpenTorchFolder(const std::filesystem::path& folder) {
  const auto single = folder / "pytorch_model.bin";
  std::error_code ignored;
  if (std::filesystem::exists(single, ignored)) return TorchArchive::Open(single);
  return OpenShards(folder / "pytorch_model.bin.index.json",
                    [](const std::filesystem::path& file) { return TorchArchive::Open(file); });
}

}  // namespace dear
