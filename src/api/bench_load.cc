#include "api/bench_load.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <limits>

#include "api/disk_rate.h"
#include "base/error.h"
#include "base/page_cache.h"

namespace dear {
namespace fs = std::filesystem;
namespace {

// Of the model's bytes: what may stay in the cache of a start that is called cold.
constexpr double kMostKept = 0.01;

struct LoadRun {
  double seconds = 0;
  double opened = 0;
  std::vector<float> outputs;
  BenchCost cost;
  std::vector<fs::path> files;
};

// A model is one file, or what lies in its folder.
void AddFiles(const fs::path& model, std::vector<fs::path>& files) {
  if (fs::is_regular_file(model)) return files.push_back(model);
  for (const auto& entry : fs::directory_iterator(model)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
}

LoadRun LoadOnce(const BenchWork& work, const LoadRequest& request, std::string_view use) {
  LoadRun run;
  const auto begin = std::chrono::steady_clock::now();
  const auto passed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  const LoadedModel loaded = Load(request);
  const BenchSubject subject{
      .model = loaded.model, .adapter = loaded.FindAdapter(use), .pool = loaded.pool};
  run.opened = passed();
  run.outputs = RunWork(work, subject).outputs;
  run.seconds = passed();
  run.cost = CostOf(work, *subject.model, subject.adapter.get());
  AddFiles(loaded.files.base, run.files);
  for (const fs::path& folder : loaded.adapter_folders) AddFiles(folder, run.files);
  if (!loaded.packed_file.empty()) run.files.push_back(loaded.packed_file);
  return run;
}

uint64_t CachedBytesOf(const std::vector<fs::path>& files) {
  uint64_t bytes = 0;
  for (const fs::path& file : files) bytes += CachedBytes(file);
  return bytes;
}

}  // namespace

bool LoadTiming::is_cold() const {
  return static_cast<double>(kept_bytes) <= kMostKept * static_cast<double>(file_bytes);
}

LoadTiming TimeLoad(const BenchWork& work, const LoadRequest& request, std::string_view use,
                    int repeats, const std::function<bool()>& cancelled) {
  const LoadRun first = LoadOnce(work, request, use);
  const bool is_cold = work.kind == BenchWork::Kind::kLoadCold;
  LoadTiming timing{.seconds = {}, .seconds_opened = {}, .cost = first.cost};
  if (is_cold) {
    for (const fs::path& file : first.files) timing.file_bytes += fs::file_size(file);
    timing.read_bytes = std::numeric_limits<uint64_t>::max();
    ThreadPool pool(request.threads);
    timing.disk_bytes_per_second = MeasureDiskRate(
        *std::ranges::max_element(first.files, {}, [](const fs::path& f) { return file_size(f); }),
        pool);
  }
  for (int run = 0; run < repeats; ++run) {
    if (cancelled && cancelled()) throw Error(ErrorCode::kCancelled, work.name, "stopped");
    uint64_t kept = 0;
    if (is_cold) {
      for (const fs::path& file : first.files) DropCachedPages(file);
      kept = CachedBytesOf(first.files);
      timing.kept_bytes = std::max(timing.kept_bytes, kept);
    }
    const LoadRun again = LoadOnce(work, request, use);
    if (again.outputs != first.outputs)
      throw Error(ErrorCode::kInternal, work.name, "two runs gave different outputs");
    timing.seconds.push_back(again.seconds);
    timing.seconds_opened.push_back(again.opened);
    if (is_cold) {
      const uint64_t held = CachedBytesOf(first.files);
      timing.read_bytes = std::min(timing.read_bytes, held > kept ? held - kept : 0);
    }
  }
  return timing;
}

BenchFloor FloorOfLoad(const BenchWork& work, const LoadTiming& timing, const MachinePeak& peak,
                       Compute compute) {
  const BenchFloor token = FloorOf(timing.cost, peak, compute);
  if (work.kind == BenchWork::Kind::kLoad) return token;
  if (!timing.is_cold() || timing.disk_bytes_per_second <= 0) return {};
  const double disk = static_cast<double>(timing.read_bytes) / timing.disk_bytes_per_second;
  if (disk < token.seconds) return token;
  return {.seconds = disk, .bound_by = "disk"};
}

}  // namespace dear
