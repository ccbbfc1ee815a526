#ifndef DEAR_BASE_TESTING_GOLDENS_H_
#define DEAR_BASE_TESTING_GOLDENS_H_

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dear::testing {

inline const std::filesystem::path kGoldens =
    std::filesystem::path(DEAR_SOURCE_DIR) / "tests/golden";
inline const std::filesystem::path kFlows = kGoldens / "flows";  // a base and its adapters
inline const std::filesystem::path kCheckpoints = kGoldens / "formats/checkpoints";

// The files of a folder that end in `extension`, without it, sorted.
inline std::vector<std::string> GoldenNames(const std::filesystem::path& folder,
                                            std::string_view extension) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == extension) out.push_back(entry.path().stem().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace dear::testing

#endif  // DEAR_BASE_TESTING_GOLDENS_H_
