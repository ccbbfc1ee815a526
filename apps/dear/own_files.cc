#include "own_files.h"

#include <filesystem>
#include <span>
#include <system_error>

#include "base/error.h"

namespace dear::app {
namespace fs = std::filesystem;
namespace {

bool IsSameFile(const fs::path& a, const fs::path& b) {
  std::error_code error;
  const bool is_there = fs::exists(a, error) && fs::exists(b, error);
  if (is_there) return fs::is_regular_file(a, error) && fs::equivalent(a, b, error);
  // One that is still to be made can only be the same by its name.
  const fs::path first = fs::weakly_canonical(a, error);
  return !error && first == fs::weakly_canonical(b, error) && !error;
}

}  // namespace

std::vector<NamedFile> InputsOfRun(const RunFiles& files) {
  const RunFiles found = FindRunFiles(files);
  return {{"--run", found.run.string()},
          {"--topics", found.topics.string()},
          {"--corpus", found.corpus.string()}};
}

void RequireOwnFiles(const std::vector<NamedFile>& inputs, const std::vector<NamedFile>& outputs) {
  const auto refuse_same = [](const NamedFile& output, std::span<const NamedFile> others,
                              const char* what) {
    for (const NamedFile& other : others) {
      if (output.path.empty() || other.path.empty() || !IsSameFile(output.path, other.path))
        continue;
      throw Error(ErrorCode::kInvalidArgument, output.path,
                  output.name + " names the file of " + other.name + ", " + what);
    }
  };
  for (size_t i = 0; i < outputs.size(); ++i) {
    refuse_same(outputs[i], inputs, "which would be lost; write to another file");
    refuse_same(outputs[i], std::span(outputs).first(i), "and only one of them can be written");
  }
}

}  // namespace dear::app
