#ifndef DEAR_APPS_DEAR_JOB_SETTINGS_H_
#define DEAR_APPS_DEAR_JOB_SETTINGS_H_

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "api/job_source.h"
#include "command.h"

namespace dear::app {

// What decides the results of a job, by name: the flags that were given, as given, and what was
// found without one (the recipe). Formats that others read have no place for it, so it stands in a
// file beside the output.
using JobSettings = std::map<std::string, std::string>;

// The flags that were given, but for those that say what is ranked, where it goes and how fast. A
// new flag is one that decides results unless it is named there.
JobSettings GivenSettings(const CLI::App& command);

// What OUT.meta.json holds.
struct JobRecord {
  JobSettings settings;
  std::set<std::string> failed;  // ids of queries
};

// OUT.meta.json.
std::filesystem::path JobRecordPath(const std::filesystem::path& out);
// Throws kIo.
void WriteJobRecord(const std::filesystem::path& out, const JobRecord& record);
// Null where nothing says how `out` was made: an older version or another program made it. Throws
// kInvalidFormat, kIo.
std::optional<JobRecord> ReadJobRecord(const std::filesystem::path& out);
// Under this name stands what tells the queries and passages. Outputs of older versions have none,
// and are taken for theirs.
inline constexpr const char* kRankedSetting = "queries and passages";
std::string RankedSetting(const JobsOutline& outline);
// Whether the queries of that setting are the first of these: a job may grow.
bool BeginsWith(const JobsOutline& outline, const std::string& setting);
// Throws kInvalidArgument that names what differs. Settings that are not known yet are not
// compared.
void RequireSameSettings(const std::filesystem::path& out, const JobSettings& made,
                         const JobSettings& settings, const std::set<std::string>& unknown = {});
// The same for an output that is to be carried on, and for one of which nothing says how it was
// made. An output that holds nothing is of every job.
void RequireSameJob(const std::filesystem::path& out, const JobSettings& settings,
                    const std::set<std::string>& unknown = {});
// What is found out about a model that is loaded.
const std::set<std::string>& SettingsOfLoadedModels();

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_JOB_SETTINGS_H_
