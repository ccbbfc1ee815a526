#ifndef DEAR_APPS_DEAR_JOB_SETTINGS_H_
#define DEAR_APPS_DEAR_JOB_SETTINGS_H_

#include <filesystem>
#include <map>
#include <string>

#include "command.h"

namespace dear::app {

// What decides the results of a job, by name: the flags that were given, as given, and what was
// found without one (the recipe). Formats that others read have no place for it, so it stands in a
// file beside the output.
using JobSettings = std::map<std::string, std::string>;

// The flags that were given, but for those that say what is ranked, where it goes and how fast. A
// new flag is one that decides results unless it is named there.
JobSettings GivenSettings(const CLI::App& command);

// OUT.meta.json.
std::filesystem::path SettingsPath(const std::filesystem::path& out);
// Throws kIo.
void WriteSettings(const std::filesystem::path& out, const JobSettings& settings);
// Whether there is a file that says how `out` was made; if not, an older version or another program
// made it.
bool HasSettings(const std::filesystem::path& out);
// Throws kInvalidArgument that names what differs; kInvalidFormat, kIo for the file itself.
void RequireSameSettings(const std::filesystem::path& out, const JobSettings& settings);

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_JOB_SETTINGS_H_
