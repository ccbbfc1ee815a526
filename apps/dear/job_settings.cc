#include "job_settings.h"

#include <algorithm>
#include <charconv>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <set>
#include <span>
#include <string_view>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/sha256.h"
#include "json_output.h"
#include "record_file.h"

namespace dear::app {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kSuffix = ".meta.json";

// Results do not depend on these.
const std::set<std::string, std::less<>>& OtherFlags() {
  static const std::set<std::string, std::less<>> names = {
      "help",   "quiet",        "verbose",      "threads",       "jobs",   "run",
      "topics", "corpus",       "resume",       "overwrite",     "output", "invocations",
      "json",   "prefix-cache", "packed-cache", "allow-failures"};
  return names;
}

bool IsRecipeFile(const std::string& name) {
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

// Of the first queries.
std::string RankedSetting(const JobsOutline& outline, size_t queries) {
  const uint64_t fingerprint =
      outline.fingerprints[std::min(queries, outline.fingerprints.size()) - 1];
  char text[64];
  std::snprintf(text, sizeof text, "%zu queries, xxh64 %016" PRIx64, queries, fingerprint);
  return text;
}

std::string Listed(const JobSettings& settings, const std::string& name) {
  const auto found = settings.find(name);
  return found == settings.end() ? "not given" : "'" + found->second + "'";
}

}  // namespace

JobSettings GivenSettings(const CLI::App& command) {
  JobSettings settings;
  for (const CLI::Option* option : command.get_options()) {
    if (option->count() == 0 || option->get_lnames().empty()) continue;
    const std::string& name = option->get_lnames().front();
    if (OtherFlags().contains(name)) continue;
    for (const std::string& part : option->results()) {
      std::string& value = settings[name];
      value += (value.empty() ? "" : " ") + part;
      if (!name.ends_with("recipe") || !IsRecipeFile(part)) continue;
      const std::string text = ReadFile(part, size_t{1} << 20);
      std::string& hashes = settings[name + " sha256"];
      hashes += (hashes.empty() ? "" : " ") + Sha256Hex(std::as_bytes(std::span(text)));
    }
  }
  return settings;
}

fs::path JobRecordPath(const fs::path& out) {
  return out.string() + std::string(kSuffix);
}

void WriteJobRecord(const fs::path& out, const JobRecord& record) {
  AtomicFile file(JobRecordPath(out));
  file.Write(Dump(OrderedJson{{"made_by", "dear " DEAR_VERSION},
                              {"settings", record.settings},
                              {"failed", record.failed}},
                  2) +
             "\n");
  file.Commit();
}

std::optional<JobRecord> ReadJobRecord(const fs::path& out) {
  const fs::path path = JobRecordPath(out);
  if (!fs::exists(path)) return std::nullopt;
  const Json json = ReadJsonFile(path);
  const Json* settings =
      json.is_object() ? JsonFields(json, path.string()).Find("settings") : nullptr;
  if (settings == nullptr || !settings->is_object())
    throw Error(ErrorCode::kInvalidFormat, path.string(), "holds no 'settings'");
  JobRecord record;
  const JsonFields fields(*settings, path.string() + ": settings");
  for (const auto& [name, value] : settings->items())
    record.settings[name] = fields.RequireString(name.c_str());
  if (const Json* failed = JsonFields(json, path.string()).Find("failed")) {
    for (const Json& qid : *failed) {
      if (!qid.is_string())
        throw Error(ErrorCode::kInvalidFormat, path.string(), "'failed' holds what is no query id");
      record.failed.insert(qid.get<std::string>());
    }
  }
  return record;
}

std::string RankedSetting(const JobsOutline& outline) {
  return RankedSetting(outline, outline.queries);
}

bool BeginsWith(const JobsOutline& outline, const std::string& setting) {
  size_t queries = 0;
  std::from_chars(setting.data(), setting.data() + setting.size(), queries);
  return queries > 0 && queries <= outline.fingerprints.size() &&
         RankedSetting(outline, queries) == setting;
}

void RequireSameSettings(const fs::path& out, const JobSettings& made, const JobSettings& settings,
                         const std::set<std::string>& unknown) {
  JobSettings all = made;
  all.insert(settings.begin(), settings.end());
  std::string differences;
  for (const auto& [name, unused] : all) {
    if (unknown.contains(name) || Listed(made, name) == Listed(settings, name)) continue;
    differences += (differences.empty() ? "" : "; ") + name + " was " + Listed(made, name) +
                   " and is now " + Listed(settings, name);
  }
  if (differences.empty()) return;
  throw Error(ErrorCode::kInvalidArgument, out.string(),
              "was made with other settings: " + differences +
                  ". Give the same, another file, or --overwrite");
}

void RequireSameJob(const fs::path& out, const JobSettings& settings,
                    const std::set<std::string>& unknown) {
  if (!HoldsSomething(out)) return;
  const std::optional<JobRecord> made = ReadJobRecord(out);
  if (!made) {
    throw Error(ErrorCode::kInvalidArgument, out.string(),
                "cannot be carried on: " + JobRecordPath(out).string() +
                    ", which says how it was made, is not there; give another file, or "
                    "--overwrite");
  }
  RequireSameSettings(out, made->settings, settings, unknown);
}

const std::set<std::string>& SettingsOfLoadedModels() {
  static const std::set<std::string> names = {"recipe", "weights sha256"};
  return names;
}

}  // namespace dear::app
