// Whatever run meets a fixed corpus and topics, its queries come out whole and in order, or one
// Error says why not. Files are what it reads; these lie in memory.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <set>
#include <string>
#include <string_view>

#include "api/run_jobs.h"
#include "base/error.h"

namespace {

class MemoryFile {
 public:
  explicit MemoryFile(std::string_view text) : fd_(memfd_create("fuzz", MFD_CLOEXEC)) {
    if (fd_ < 0 || write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
      std::abort();
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const MemoryFile topics("q1\twho\nq2\twhat\n");
  static const MemoryFile corpus("a\tone\nb\ttwo\nc\tthree\nd\tfour\n");
  const MemoryFile run(std::string_view(reinterpret_cast<const char*>(data), size));
  try {
    dear::RunJobs jobs({.run = run.path(), .topics = topics.path(), .corpus = corpus.path()});
    const size_t queries = jobs.Check({}).queries;
    size_t read = 0;
    while (const auto job = jobs.Next()) {
      ++read;
      std::set<std::string> docids;
      double last = std::numeric_limits<double>::infinity();
      for (const dear::Passage& passage : job->request.passages) {
        if (passage.text.empty() || !docids.insert(passage.docid).second) std::abort();
        if (!(*passage.first_stage_score <= last)) std::abort();
        last = *passage.first_stage_score;
      }
      if (docids.empty()) std::abort();
    }
    if (read != queries) std::abort();
  } catch (const dear::Error&) {
  }
  return 0;
}
