#include "rerank_options.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

namespace dear::app {

void RerankOptions::CheckRunUsage() const {
  const auto fail = [](const char* what) { throw CLI::ValidationError(what); };
  if (run.empty()) {
    if (!topics.empty() || !corpus.empty()) fail("--topics and --corpus belong to --run");
    return;
  }
  if (corpus.empty()) fail("--run needs --corpus, where its passages stand");
  std::error_code error;
  if (topics.empty() && !std::filesystem::is_directory(corpus, error))
    fail("--run needs --topics, where its queries stand, unless --corpus is BEIR's folder");
}

std::string RerankOptions::ChosenFormat() const {
  if (!format.empty()) return format;
  if (out.ends_with(".trec") || out.ends_with(".run")) return "trec";
  if (IsJob()) return "jsonl";
  if (!out.empty()) return out.ends_with(".jsonl") ? "jsonl" : "json";
  return isatty(STDOUT_FILENO) == 1 ? "table" : "json";
}

RecordLayout RerankOptions::LayoutOf(const std::string& chosen_format) const {
  if (chosen_format == "trec") return RecordLayout::kTrecLines;
  const bool exchange = chosen_format == "rankllm" || chosen_format == "rankgpt";
  return exchange && out.ends_with(".json") ? RecordLayout::kList : RecordLayout::kLines;
}

ExistingFile RerankOptions::OnExisting() const {
  if (resume) return ExistingFile::kResume;
  return overwrite ? ExistingFile::kOverwrite : ExistingFile::kRefuse;
}

JobSettings RerankOptions::KnownSettings() const {
  JobSettings settings = given;
  settings["model"] = model.model;
  settings["format"] = ChosenFormat();
  return settings;
}

}  // namespace dear::app
