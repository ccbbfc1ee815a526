#include "job_report.h"

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace dear::app {
namespace {

// "1 call", "2 calls".
std::string Counted(int64_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string Fixed(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

}  // namespace

void JobReport::Add(const RankCall& call) {
  ++calls_;
  prompts_ += call.prompts;
  usage_ += call.usage;
}

void JobReport::Add(const RankOutcome& outcome) {
  ++queries_;
  failed_ += outcome.error ? 1 : 0;
  for (size_t i = 0; i < repairs_.size(); ++i) repairs_[i] += outcome.result.repairs[i];
  if (!outcome.result.settled) return;
  left_out_ += outcome.result.settled->of - outcome.result.settled->windows;
  settled_of_ += outcome.result.settled->of;
}

std::vector<std::string> JobReport::Lines(double seconds) const {
  std::vector<std::string> lines;
  const double per_second = 1 / std::max(seconds, 1e-3);
  lines.push_back(Counted(static_cast<int64_t>(queries_), "query", "queries") + " in " +
                  Fixed(seconds) + " s (" + Fixed(static_cast<double>(queries_) * per_second) +
                  " a second): " + std::to_string(queries_ - failed_) + " ranked, " +
                  std::to_string(failed_) + " failed");
  if (calls_ == 0) return lines;
  std::string& work = lines.emplace_back();
  work = Counted(prompts_, "prompt", "prompts") + " in " + Counted(calls_, "call", "calls") +
         " of the model, " + Counted(usage_.forward_passes, "pass", "passes") + "; " +
         Counted(usage_.prompt_tokens, "token", "tokens") + " read";
  std::string saved;
  if (usage_.shared_tokens > 0) saved = std::to_string(usage_.shared_tokens) + " shared";
  if (usage_.cached_tokens > 0)
    saved += (saved.empty() ? "" : ", ") + std::to_string(usage_.cached_tokens) + " cached";
  if (!saved.empty()) work += " (" + saved + ")";
  if (usage_.completion_tokens > 0)
    work += ", " + std::to_string(usage_.completion_tokens) + " written";
  work += "; " + std::to_string(static_cast<int64_t>(static_cast<double>(tokens()) * per_second)) +
          " tokens/s";
  int64_t windows = 0;
  for (const int64_t count : repairs_) windows += count;
  if (windows == 0) return lines;
  std::string& answers = lines.emplace_back(Counted(windows, "answer", "answers") + ":");
  for (const Repair repair :
       {Repair::kOk, Repair::kWrongFormat, Repair::kMissing, Repair::kRepetition}) {
    answers += (repair == Repair::kOk ? " " : ", ") +
               std::to_string(repairs_[static_cast<size_t>(repair)]) + " " +
               std::string(RepairName(repair));
  }
  if (settled_of_ > 0) {
    lines.push_back(std::to_string(left_out_) + " of " + Counted(settled_of_, "window", "windows") +
                    " left out, without which the first places are settled");
  }
  return lines;
}

}  // namespace dear::app
