// A training configuration and overrides, as a user writes them: whatever is given, a config whose
// numbers can be used or one Error. The text behind a line "---overrides" is overrides, one a line.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "train/train_config.h"

namespace {

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty() && lines.size() < 16) {
    const size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

void Use(const dear::TrainConfig& config) {
  if (config.lora_rank < 1 || config.dataset.empty() || config.output_dir.empty()) std::abort();
  constexpr int64_t kSteps = 1000;
  const int64_t warmup = dear::WarmupSteps(config.warmup_steps, config.warmup_ratio, kSteps);
  const dear::Schedule schedule(config.schedule, warmup, kSteps, config.learning_rate);
  for (const int64_t step : {int64_t{0}, int64_t{1}, kSteps / 2, kSteps}) {
    const double factor = schedule.Factor(step);
    if (!(factor >= 0 && factor <= 1)) std::abort();
  }
  dear::MakeRankingLoss(config.ranking);
  const dear::AdamW optimizer({}, config.adamw);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr std::string_view kMark = "\n---overrides\n";
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t mark = text.find(kMark);
  std::vector<std::string> overrides;
  if (mark != std::string_view::npos) overrides = Lines(text.substr(mark + kMark.size()));
  try {
    Use(dear::ParseTrainConfig(text.substr(0, mark), overrides, "fuzz"));
  } catch (const dear::Error&) {
  }
  return 0;
}
