#include "formats/shards.h"

#include <map>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace dear {
namespace {

constexpr size_t kMaxShards = 4096;

class ShardedTensors : public TensorSource {
 public:
  ShardedTensors(std::string origin,
                 std::map<std::string, std::shared_ptr<const TensorSource>, std::less<>> tensors)
      : origin_(std::move(origin)), tensors_(std::move(tensors)) {}

  std::vector<std::string> Names() const override {
    std::vector<std::string> names;
    names.reserve(tensors_.size());
    for (const auto& [name, shard] : tensors_) names.push_back(name);
    return names;
  }
  bool Contains(std::string_view name) const override {
    return tensors_.find(name) != tensors_.end();
  }
  Tensor Get(std::string_view name) const override {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) {
      throw Error(ErrorCode::kNotFound, origin_, "lists no tensor '" + std::string(name) + "'");
    }
    return found->second->Get(name);
  }
  const std::string& origin() const override { return origin_; }

 private:
  std::string origin_;
  std::map<std::string, std::shared_ptr<const TensorSource>, std::less<>> tensors_;
};

}  // namespace

std::shared_ptr<const TensorSource> OpenShards(const std::filesystem::path& index_file,
                                               const OpenShardFn& open) {
  const std::string context = index_file.string();
  const Json index = ReadJsonFile(index_file);
  const JsonFields fields(index, context);
  const Json* map = fields.Find("weight_map");
  if (map == nullptr || !map->is_object() || map->empty()) {
    fields.Fail("weight_map", "expected an object from tensor names to file names");
  }

  std::map<std::string, std::shared_ptr<const TensorSource>, std::less<>> shards;
  std::map<std::string, std::shared_ptr<const TensorSource>, std::less<>> tensors;
  for (const auto& [name, file] : map->items()) {
    if (!file.is_string()) fields.Fail("weight_map", "expected a file name for '" + name + "'");
    const auto& file_name = file.get_ref<const std::string&>();
    auto& shard = shards[file_name];
    if (shard == nullptr) {
      const std::filesystem::path relative(file_name);
      if (relative.filename() != relative || file_name.empty() || file_name == "." ||
          file_name == "..") {
        fields.Fail("weight_map", "'" + file_name + "' is no file of the same folder");
      }
      if (shards.size() > kMaxShards) fields.Fail("weight_map", "lists too many files");
      shard = open(index_file.parent_path() / relative);
    }
    if (!shard->Contains(name)) {
      throw Error(ErrorCode::kNotFound, shard->origin(),
                  "holds no tensor '" + name + "', which the folder's index places there");
    }
    tensors.emplace(name, shard);
  }
  return std::make_shared<ShardedTensors>(context, std::move(tensors));
}

}  // namespace dear
