#ifndef DEAR_FORMATS_SHARDS_H_
#define DEAR_FORMATS_SHARDS_H_

#include <filesystem>
#include <functional>
#include <memory>

#include "formats/tensor_source.h"

namespace dear {

using OpenShardFn =
    std::function<std::shared_ptr<const TensorSource>(const std::filesystem::path& file)>;

// The tensors of a folder that stand in several files, as an index file
// ({"weight_map": {tensor: file}}) lists them. Every file is opened with `open`; files must lie in
// the index's own folder, and every tensor listed must be where the index says.
std::shared_ptr<const TensorSource> OpenShards(const std::filesystem::path& index_file,
                                               const OpenShardFn& open);

}  // namespace dear

#endif  // DEAR_FORMATS_SHARDS_H_
