#include "train/training_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/mapped_file.h"

namespace dear {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kSecondsOfDay = 86400;
constexpr double kMostSeconds = 1e12;  // a guess at the time left may be anything

std::string JsonNumber(double value) {
  if (!std::isfinite(value)) return "null";
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  std::string out(text.data(), end);
  // Python's json reads "2" as a whole number.
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

std::string Quoted(std::string_view text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// An object on one line, its keys in the order in which they came.
class ObjectLine {
 public:
  void Int(std::string_view key, int64_t value) { Add(key, std::to_string(value)); }
  void Number(std::string_view key, const std::optional<double>& value) {
    if (value) Add(key, JsonNumber(*value));
  }
  void String(std::string_view key, const std::string& text) { Add(key, Quoted(text)); }
  std::string Take() { return std::move(out_) + "}"; }

 private:
  void Add(std::string_view key, const std::string& value) {
    out_ += (out_.empty() ? "{" : ", ") + Quoted(key) + ": " + value;
  }

  std::string out_;
};

// null is a figure too: one that was no number.
std::optional<double> Figure(const JsonFields& fields, const char* key) {
  if (fields.IsNull(key)) return std::numeric_limits<double>::quiet_NaN();
  return fields.Number(key);
}

int64_t RequireCount(const JsonFields& fields, const char* key) {
  const int64_t value = fields.RequireInt(key);
  if (value < 0) fields.Fail(key, "must not be negative");
  return value;
}

// One whole number and the text behind it.
int64_t TakeNumber(std::string_view* text, std::string_view behind, bool* fits) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  *fits = *fits && error == std::errc() && value >= 0 && value < kMostSeconds / kSecondsOfDay &&
          text->starts_with(behind);
  if (*fits) text->remove_prefix(behind.size());
  return value;
}

double ParseDuration(const JsonFields& fields, const char* key) {
  const std::string given = fields.String(key, "0:00:00");
  std::string_view text(given);
  bool fits = true;
  int64_t days = 0;
  if (text.find(',') != std::string_view::npos) {
    days = TakeNumber(&text, text.find("days") == std::string_view::npos ? " day, " : " days, ",
                      &fits);
  }
  const int64_t hours = TakeNumber(&text, ":", &fits);
  const int64_t minutes = TakeNumber(&text, ":", &fits);
  const int64_t seconds = TakeNumber(&text, "", &fits);
  if (!fits || !text.empty()) fields.Fail(key, "must be a duration such as \"1:02:03\"");
  return static_cast<double>(days * kSecondsOfDay + hours * 3600 + minutes * 60 + seconds);
}

void CheckEvaluationNames(const LogEntry& entry) {
  for (const auto& [name, value] : entry.evaluations) {
    if (name.starts_with(kEvalPrefix) && name != "eval_loss") continue;
    throw Error(ErrorCode::kInvalidArgument, "figure '" + name + "' of an evaluation",
                "expected a name that begins with eval_ and is not eval_loss");
  }
}

// The lines of steps up to `last_step`, as they are; what follows the first later one goes.
std::string KeptLines(std::string_view text, int64_t last_step, const std::string& file,
                      std::vector<LogEntry>* entries) {
  size_t begin = 0;
  for (size_t line = 1;; ++line) {
    const size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) break;
    LogEntry entry =
        ParseLogLine(text.substr(begin, end - begin), file + ": line " + std::to_string(line));
    if (entry.step > last_step) break;
    entries->push_back(std::move(entry));
    begin = end + 1;
  }
  return std::string(text.substr(0, begin));
}

void WriteText(const fs::path& path, const std::string& text) {
  WriteFileAtomically(path, std::as_bytes(std::span(text)));
}

Json HistoryEntry(const LogEntry& entry) {
  Json out = {{"epoch", entry.epoch}, {"step", entry.step}};
  const auto put = [&](const char* key, const std::optional<double>& value) {
    if (value) out[key] = *value;
  };
  put("loss", entry.loss);
  put("grad_norm", entry.grad_norm);
  put("learning_rate", entry.learning_rate);
  put("eval_loss", entry.eval_loss);
  for (const auto& [name, value] : entry.evaluations) out[name] = value;
  return out;
}

}  // namespace

std::string DurationText(double seconds) {
  const auto whole = std::isfinite(seconds)
                         ? static_cast<int64_t>(std::clamp(seconds, 0.0, kMostSeconds))
                         : int64_t{0};
  const int64_t days = whole / kSecondsOfDay;
  const int64_t rest = whole % kSecondsOfDay;
  std::array<char, 32> clock{};
  std::snprintf(clock.data(), clock.size(), "%d:%02d:%02d", static_cast<int>(rest / 3600),
                static_cast<int>(rest / 60 % 60), static_cast<int>(rest % 60));
  if (days == 0) return clock.data();
  return std::to_string(days) + (days == 1 ? " day, " : " days, ") + clock.data();
}

std::string LogLine(const LogEntry& entry) {
  CheckEvaluationNames(entry);
  ObjectLine line;
  line.Int("current_steps", entry.step);
  line.Int("total_steps", entry.total_steps);
  line.Number("loss", entry.loss);
  line.Number("eval_loss", entry.eval_loss);
  for (const auto& [name, value] : entry.evaluations) line.Number(name, value);
  line.Number("lr", entry.learning_rate);
  line.Number("grad_norm", entry.grad_norm);
  line.Number("epoch", entry.epoch);
  line.Number("percentage", entry.total_steps > 0 ? static_cast<double>(entry.step) * 100 /
                                                        static_cast<double>(entry.total_steps)
                                                  : 100);
  line.String("elapsed_time", DurationText(entry.elapsed_seconds));
  line.String("remaining_time", DurationText(entry.remaining_seconds));
  line.Number("throughput", entry.throughput);
  if (entry.total_tokens > 0) line.Int("total_tokens", entry.total_tokens);
  return line.Take();
}

LogEntry ParseLogLine(std::string_view line, const std::string& context) {
  const Json object = ParseJson(line, context);
  const JsonFields fields(object, context);
  LogEntry entry;
  entry.step = RequireCount(fields, "current_steps");
  entry.total_steps = RequireCount(fields, "total_steps");
  entry.epoch = fields.Number("epoch", 0);
  entry.loss = Figure(fields, "loss");
  entry.learning_rate = Figure(fields, "lr");
  entry.grad_norm = Figure(fields, "grad_norm");
  entry.eval_loss = Figure(fields, "eval_loss");
  for (const auto& [key, value] : object.items()) {
    if (!key.starts_with(kEvalPrefix) || key == "eval_loss") continue;
    entry.evaluations[key] = *Figure(fields, key.c_str());
  }
  entry.elapsed_seconds = ParseDuration(fields, "elapsed_time");
  entry.remaining_seconds = ParseDuration(fields, "remaining_time");
  entry.total_tokens = fields.Int("total_tokens", 0);
  entry.throughput = Figure(fields, "throughput");
  return entry;
}

TrainingLog::TrainingLog(const fs::path& path, int64_t resumed_step) {
  if (resumed_step < 0) {
    throw Error(ErrorCode::kInvalidArgument, path.string(),
                "cannot go on after step " + std::to_string(resumed_step));
  }
  if (resumed_step > 0 && fs::exists(path)) {
    const std::string text = ReadFile(path);
    const std::string kept = KeptLines(text, resumed_step, path.string(), &entries_);
    if (kept != text) WriteText(path, kept);
  }
  file_.emplace(path,
                resumed_step > 0 ? AppendFile::Existing::kKeep : AppendFile::Existing::kReplace);
}

void TrainingLog::Append(const LogEntry& entry) {
  file_->Append(LogLine(entry) + "\n");
  entries_.push_back(entry);
}

Json TrainMetrics(const TrainResults& results) {
  Json out = {{"epoch", results.epoch},
              {"train_loss", results.train_loss},
              {"train_runtime", results.seconds}};
  const auto rate = [&](const char* key, int64_t count) {
    if (results.seconds > 0) out[key] = static_cast<double>(count) / results.seconds;
  };
  rate("train_samples_per_second", results.num_samples);
  rate("train_steps_per_second", results.num_steps);
  if (results.num_tokens > 0) {
    rate("train_tokens_per_second", results.num_tokens);
    out["num_input_tokens_seen"] = results.num_tokens;
  }
  return out;
}

void SaveMetrics(const fs::path& output_dir, const std::string& split, const Json& metrics) {
  const fs::path combined = output_dir / "all_results.json";
  Json all = fs::exists(combined) ? ReadJsonFile(combined) : Json::object();
  if (!all.is_object()) {
    throw Error(ErrorCode::kInvalidFormat, combined.string(),
                std::string("expected a JSON object, found ") + all.type_name());
  }
  all.update(metrics);
  WriteText(output_dir / (split + "_results.json"), metrics.dump(4) + "\n");
  WriteText(combined, all.dump(4) + "\n");
}

Json TrainerState(const TrainerProgress& progress, std::span<const LogEntry> entries) {
  Json history = Json::array();
  int64_t tokens = 0;
  for (const LogEntry& entry : entries) {
    if (entry.step > progress.global_step) continue;
    history.push_back(HistoryEntry(entry));
    tokens = std::max(tokens, entry.total_tokens);
  }
  return {{"epoch", progress.epoch},         {"global_step", progress.global_step},
          {"max_steps", progress.max_steps}, {"num_train_epochs", progress.num_train_epochs},
          {"num_input_tokens_seen", tokens}, {"log_history", std::move(history)}};
}

void WriteTrainerState(const fs::path& path, const TrainerProgress& progress,
                       std::span<const LogEntry> entries) {
  WriteText(path, TrainerState(progress, entries).dump(2) + "\n");
}

}  // namespace dear
