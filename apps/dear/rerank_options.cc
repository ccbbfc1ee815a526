#include "rerank_options.h"

#include <unistd.h>

namespace dear::app {

std::string RerankOptions::ChosenFormat() const {
  if (!format.empty()) return format;
  if (out.ends_with(".trec") || out.ends_with(".run")) return "trec";
  if (!jobs.empty()) return "jsonl";
  if (!out.empty()) return out.ends_with(".jsonl") ? "jsonl" : "json";
  return isatty(STDOUT_FILENO) == 1 ? "table" : "json";
}

ExistingFile RerankOptions::OnExisting() const {
  if (resume) return ExistingFile::kResume;
  return overwrite ? ExistingFile::kOverwrite : ExistingFile::kRefuse;
}

}  // namespace dear::app
