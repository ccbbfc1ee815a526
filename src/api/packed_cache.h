#ifndef DEAR_API_PACKED_CACHE_H_
#define DEAR_API_PACKED_CACHE_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/weight_files.h"
#include "formats/packed_file.h"
#include "hub/packed_folder.h"
#include "model/model.h"

namespace dear {

// Where a program may keep packed weights for its next start.
struct PackedCacheOptions {
  uint64_t limit = 0;               // bytes of all files together; 0: nothing is kept or looked for
  uint64_t least = kLeast;          // bytes; weights that pack to fewer are not worth a file
  std::filesystem::path folder;     // empty: DearPackedFolder()
  std::chrono::seconds settled{2};  // how long model files must have been left alone
  // One line each; may be null. `warn`: what was packed cannot be kept. `tell`: what else happened.
  std::function<void(const std::string&)> warn;
  std::function<void(const std::string&)> tell;

  // About what is packed in a tenth of a second.
  static constexpr uint64_t kLeast = uint64_t{16} << 20;
};

// The packed weights of one base model, kept from one start to the next. A file is found by what
// its weights were made of: form, computation, head, and the state and a sample of each model file
// (docs/formats.md). No function throws: without a cache weights are packed as ever.
class PackedCache {
 public:
  // To be made before the model's files are opened: weights that are opened before their state is
  // known could be those of another state. `base` as OpenCheckpoint takes it.
  PackedCache(PackedCacheOptions options, std::filesystem::path base, const LoadOptions& how);

  // Null where there is nothing, or nothing that can be trusted. `config`: of the checkpoint that
  // was opened since.
  std::shared_ptr<const PackedFile> Find(const ModelConfig& config, ThreadPool* pool);
  // Keeps the weights of `model`, which was loaded with what Find() gave not used.
  void Keep(const Model& model, ThreadPool* pool);
  // While it lives, the file that was kept is not removed to make room for others. May be null.
  std::shared_ptr<const void> use() const { return use_; }
  // The file that the next start maps, or this one has mapped; empty: there is none.
  std::filesystem::path file() const { return file_; }

 private:
  void Tell(const std::string& what) const;
  bool FilesAreTheSame() const;
  std::string KeyFor(const ModelConfig& config) const;
  void Write(const Model& model, ThreadPool* pool);

  PackedCacheOptions options_;
  PackedFolder folder_;
  std::filesystem::path base_;
  LoadOptions how_;
  std::vector<FileState> files_;  // empty: no cache
  std::string hash_;              // of these
  std::string key_;
  std::chrono::system_clock::time_point begin_;
  std::shared_ptr<const void> use_;
  std::filesystem::path file_;
};

// "20GiB", "800MB", "1000" as bytes; "off" is 0. Throws kInvalidArgument that names `field`.
uint64_t ParseCacheLimit(const std::string& text, const std::string& field);

}  // namespace dear

#endif  // DEAR_API_PACKED_CACHE_H_
