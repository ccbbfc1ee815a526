#include "api/weight_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <span>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/sha256.h"
#include "base/system_error.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kHeadSample = 64 * 1024;
constexpr uint64_t kPlaceSample = 4 * 1024;
constexpr uint64_t kPlaces = 64;

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

FileState StateOf(const fs::path& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  struct stat info {};
  if (error || ::stat(real.c_str(), &info) != 0) ThrowErrno(path.string(), "cannot look at it");
  return {.path = real.string(),
          .bytes = static_cast<uint64_t>(info.st_size),
          .inode = info.st_ino,
          .modified = Nanoseconds(info.st_mtim),
          .changed = Nanoseconds(info.st_ctim)};
}

bool HoldsWeights(const std::string& name) {
  return name == "config.json" || name.ends_with(".safetensors") || name.ends_with(".bin") ||
         name.ends_with(".index.json");
}

void AppendSample(std::ifstream& file, uint64_t at, uint64_t size, std::string* sample) {
  const size_t before = sample->size();
  sample->resize(before + size);
  file.clear();
  file.seekg(static_cast<std::streamoff>(at));
  file.read(sample->data() + before, static_cast<std::streamsize>(size));
  sample->resize(before + static_cast<size_t>(std::max<std::streamsize>(0, file.gcount())));
}

std::string SampleOf(const FileState& state) {
  std::ifstream file(state.path, std::ios::binary);
  if (!file) throw Error(ErrorCode::kIo, state.path, "cannot open");
  std::string sample;
  AppendSample(file, 0, kHeadSample, &sample);
  if (state.bytes <= kHeadSample) return sample;
  const uint64_t rest = state.bytes - kHeadSample;
  for (uint64_t place = 1; place <= kPlaces; ++place) {
    // The last place is the file's end.
    const uint64_t end = kHeadSample + rest / kPlaces * place + rest % kPlaces * place / kPlaces;
    AppendSample(file, end - std::min(kPlaceSample, rest), kPlaceSample, &sample);
  }
  return sample;
}

}  // namespace

std::vector<FileState> WeightFiles(const fs::path& base) {
  std::vector<FileState> files;
  if (!fs::is_directory(base)) {
    files.push_back(StateOf(base));
    return files;
  }
  std::error_code error;
  for (auto it = fs::directory_iterator(base, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    if (HoldsWeights(it->path().filename().string()) && fs::is_regular_file(it->path())) {
      files.push_back(StateOf(it->path()));
    }
  }
  if (error) throw Error(ErrorCode::kIo, base.string(), "cannot list it: " + error.message());
  std::ranges::sort(files, {}, &FileState::path);
  return files;
}

std::string HashWeightFiles(const std::vector<FileState>& files) {
  std::string text;
  for (const FileState& file : files) {
    const std::string sample = SampleOf(file);
    text += file.path;
    text += '\0';
    for (const uint64_t number : {file.bytes, file.inode, static_cast<uint64_t>(file.modified),
                                  static_cast<uint64_t>(file.changed)}) {
      text += std::to_string(number) + ' ';
    }
    text += Sha256Hex(std::as_bytes(std::span(sample))) + '\n';
  }
  return Sha256Hex(std::as_bytes(std::span(text)));
}

}  // namespace dear
