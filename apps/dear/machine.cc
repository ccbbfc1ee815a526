#include "machine.h"

#include <cstdlib>
#include <fstream>

namespace dear::app {

std::string ProcField(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const size_t colon = line.find(':');
    const size_t begin =
        colon == std::string::npos ? colon : line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

uint64_t ProcBytes(const char* file, const std::string& key) {
  return std::strtoull(ProcField(file, key).c_str(), nullptr, 10) * 1024;
}

std::string ProcessorName() {
  const std::string name = ProcField("/proc/cpuinfo", "model name");
  return name.empty() ? "unknown" : name;
}

std::string WantedIsa() {
  const char* wanted = std::getenv("DEAR_ISA");  // NOLINT(concurrency-mt-unsafe)
  return wanted == nullptr ? "" : wanted;
}

}  // namespace dear::app
