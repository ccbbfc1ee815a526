// Whatever stands in a file of jobs, reading it gives queries whose ids are their own, each with
// documents of different ids, or one Error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>

#include "api/rank_jobs.h"
#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dear::RankJobReader reader(std::string(reinterpret_cast<const char*>(data), size), "fuzz");
  std::set<std::string> qids;
  try {
    while (const auto job = reader.Next()) {
      if (job->request.qid.empty() || !qids.insert(job->request.qid).second) std::abort();
      std::set<std::string> docids;
      for (const dear::Passage& passage : job->request.passages) {
        if (passage.docid.empty() || !docids.insert(passage.docid).second) std::abort();
      }
    }
  } catch (const dear::Error&) {
  }
  if (reader.count() != qids.size()) std::abort();
  return 0;
}
