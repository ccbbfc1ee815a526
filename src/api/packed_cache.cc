#include "api/packed_cache.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "base/byte_size.h"
#include "base/error.h"
#include "base/sha256.h"
#include "hub/hub_cache.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

// What PackMatrix and ConvertMatrix make of the same numbers; to be raised when they make other
// bytes. packed_matrix_test.cc holds them to what they are.
constexpr int kPackedLayout = 1;

std::map<std::string, std::shared_ptr<const Matrix>> PackedMatricesOf(const Model& model) {
  std::map<std::string, std::shared_ptr<const Matrix>> matrices;
  model.ForEachLinear([&matrices](const Linear& linear) {
    if (linear.weight && linear.weight->Packed()) {
      matrices.emplace(linear.name + ".weight", linear.weight);
    }
  });
  return matrices;
}

}  // namespace

PackedCache::PackedCache(PackedCacheOptions options, fs::path base, const LoadOptions& how)
    : options_(std::move(options)),
      folder_(options_.folder.empty() ? DearPackedFolder() : options_.folder),
      base_(std::move(base)),
      how_(how),
      begin_(std::chrono::system_clock::now()) {
  if (options_.limit == 0 || how_.compute == Compute::kReference) return;
  try {
    files_ = WeightFiles(base_);
    hash_ = HashWeightFiles(files_);
  } catch (const std::exception& error) {
    files_.clear();
    Tell(error.what());
  }
}

void PackedCache::Tell(const std::string& what) const {
  if (options_.tell) options_.tell("packed weights: " + what);
}

bool PackedCache::FilesAreTheSame() const {
  return WeightFiles(base_) == files_;
}

std::string PackedCache::KeyFor(const ModelConfig& config) const {
  std::string text = "packed layout " + std::to_string(kPackedLayout) + "\n";
  text += "compute " + std::string(ComputeName(how_.compute)) + "\n";
  for (const int64_t number :
       {static_cast<int64_t>(how_.weights.form), static_cast<int64_t>(how_.weights.double_quant),
        static_cast<int64_t>(config.head), config.num_labels}) {
    text += std::to_string(number) + "\n";
  }
  text += hash_;
  return Sha256Hex(std::as_bytes(std::span(text)));
}

std::shared_ptr<const PackedFile> PackedCache::Find(const ModelConfig& config, ThreadPool* pool) {
  if (files_.empty()) return nullptr;
  key_ = KeyFor(config);
  const fs::path path = folder_.FileOf(key_);
  try {
    if (!FilesAreTheSame()) {
      files_.clear();
      Tell(base_.string() + " is being changed; it is not kept");
      return nullptr;
    }
    auto use = folder_.Use(key_);
    if (!use) return nullptr;
    auto file = PackedFile::Open(path, std::move(use));
    if (file->key() != key_) {
      throw Error(ErrorCode::kInvalidFormat, path.string(), "was made of other weights");
    }
    file->CheckData(pool);
    folder_.MakeRoom(0, options_.limit);
    file_ = path;
    Tell("mapped from " + path.string());
    return file;
  } catch (const std::exception& error) {
    Tell(std::string(error.what()) + "; it is made anew");
    return nullptr;
  }
}

void PackedCache::Keep(const Model& model, ThreadPool* pool) {
  if (files_.empty()) return;
  try {
    Write(model, pool);
  } catch (const std::exception& error) {
    if (options_.warn) {
      options_.warn("packed weights are not kept for the next start: " + std::string(error.what()));
    }
  }
}

void PackedCache::Write(const Model& model, ThreadPool* pool) {
  const auto matrices = PackedMatricesOf(model);
  uint64_t bytes = 0;
  for (const auto& [name, matrix] : matrices) bytes += matrix->bytes();
  if (bytes < options_.least) return;
  // A clock of the file system may tick once in two seconds: of a file that changed since the last
  // tick, the next change would not show.
  const auto settled = std::chrono::nanoseconds((begin_ - options_.settled).time_since_epoch());
  if (std::ranges::any_of(files_, [&](const auto& f) { return f.changed > settled.count(); })) {
    return Tell("not kept, since " + base_.string() + " has just been changed");
  }
  if (!FilesAreTheSame()) return Tell("not kept, since " + base_.string() + " is being changed");
  constexpr uint64_t kAround = 1024;  // bytes of the file beside those of a matrix, at most
  if (!folder_.MakeRoom(bytes + kAround * (matrices.size() + 1), options_.limit)) {
    return Tell("not kept: their " + std::to_string(bytes) +
                " bytes do not fit within the limit of " + std::to_string(options_.limit) + " of " +
                folder_.path().string());
  }
  if (how_.progress) how_.progress("keeping packed weights", 0, 1);
  WritePackedFile(folder_.FileOf(key_), key_, matrices, pool);
  use_ = folder_.Use(key_);
  file_ = folder_.FileOf(key_);
  Tell("kept in " + file_.string());
}

uint64_t ParseCacheLimit(const std::string& text, const std::string& field) {
  if (text == "off") return 0;
  const std::optional<int64_t> bytes = ParseByteSize(text);
  if (bytes) return static_cast<uint64_t>(*bytes);
  throw Error(ErrorCode::kInvalidArgument, field,
              "is '" + text + "', but must be a size such as 20GiB, or off");
}

}  // namespace dear
