#ifndef DEAR_APPS_DEAR_OWN_FILES_H_
#define DEAR_APPS_DEAR_OWN_FILES_H_

#include <string>
#include <vector>

#include "api/run_jobs.h"

namespace dear::app {

struct NamedFile {
  std::string name;  // the flag that brings it
  std::string path;  // empty: none is given
};

// The files of --run, --topics and --corpus; of a folder those in it. Throws what FindRunFiles
// throws.
std::vector<NamedFile> InputsOfRun(const RunFiles& files);

// Throws kInvalidArgument where an output is one of the inputs, under whatever path, or where two
// outputs are one file: before anything is opened for writing. Pipes and devices are not files.
void RequireOwnFiles(const std::vector<NamedFile>& inputs, const std::vector<NamedFile>& outputs);

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_OWN_FILES_H_
