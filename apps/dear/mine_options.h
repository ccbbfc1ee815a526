#ifndef DEAR_APPS_DEAR_MINE_OPTIONS_H_
#define DEAR_APPS_DEAR_MINE_OPTIONS_H_

#include <string>

#include "api/hard_negatives.h"
#include "job_settings.h"
#include "record_file.h"

namespace dear::app {

struct MineOptions {
  std::string pairs;
  std::string run;  // in their place
  std::string topics;
  std::string corpus;
  std::string out;
  HardNegativeOptions mining;  // depth and bm25 are of --run, too
  int threads = 0;
  bool resume = false;
  bool overwrite = false;
  bool json = false;
  JobSettings given;  // that decide what is written

  const std::string& output() const { return run.empty() ? out : run; }
  ExistingFile OnExisting() const {
    if (overwrite) return ExistingFile::kOverwrite;
    return resume ? ExistingFile::kResume : ExistingFile::kRefuse;
  }
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_MINE_OPTIONS_H_
