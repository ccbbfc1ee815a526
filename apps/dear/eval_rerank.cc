#include "eval_rerank.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

#include "api/rank_jobs.h"
#include "base/error.h"
#include "eval/columns.h"
#include "eval/run.h"
#include "interrupt.h"
#include "job_settings.h"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace dear::app {
namespace {

namespace fs = std::filesystem;

int Wait(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR)
      throw Error(ErrorCode::kIo, "dear rerank", std::string("cannot wait: ") + strerror(errno));
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  throw Error(ErrorCode::kIo, "dear rerank",
              std::string("was ended by a signal: ") + strsignal(WTERMSIG(status)));
}

bool IsJudged(const eval::Qrels& qrels, std::string_view qid, std::string_view docid) {
  const eval::Topic* topic = qrels.Find(qid);
  return topic != nullptr && topic->Find(docid, eval::HashId(docid)) != nullptr;
}

bool AnyIsJudged(const eval::Qrels& qrels, RankJobReader jobs) {
  while (const auto job = jobs.Next()) {
    for (const Passage& passage : job->request.passages) {
      if (IsJudged(qrels, job->request.qid, passage.docid)) return true;
    }
  }
  return false;
}

bool AnyIsJudged(const eval::Qrels& qrels, const eval::Run& run) {
  for (const eval::RunQuery& query : run.queries()) {
    for (const auto piece : query.pieces) {
      for (const eval::RunRow& row : piece) {
        if (IsJudged(qrels, query.qid, row.docid())) return true;
      }
    }
  }
  return false;
}

}  // namespace

int RerankJobs(const RerankForEval& request, const fs::path& out) {
  std::vector<std::string> words = {"dear", "rerank", "-m", request.model};
  words.insert(words.end(), request.queries.begin(), request.queries.end());
  words.insert(words.end(), {"--format", "jsonl", "--allow-failures", "-o", out.string()});
  std::error_code error;
  if (fs::exists(out, error)) words.emplace_back("--resume");
  if (request.prefix_cache)
    words.insert(words.end(), {"--prefix-cache", std::to_string(*request.prefix_cache)});
  if (request.quiet) words.emplace_back("--quiet");
  std::istringstream flags(request.flags);
  for (std::string flag; flags >> flag;) words.push_back(flag);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  // An interruption reaches the child through the terminal; we wait for what it has to say.
  SayWhenInterrupted("the reranking was not finished");
  const int failed =
      posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments.data(), environ);
  if (failed != 0)
    throw Error(ErrorCode::kIo, "dear rerank", std::string("cannot start: ") + strerror(failed));
  return Wait(child);
}

size_t FailedQueries(const fs::path& out) {
  const std::optional<JobRecord> record = ReadJobRecord(out);
  return record ? record->failed.size() : 0;
}

void RequireJudgedPassages(const eval::Qrels& qrels, const std::vector<std::string>& queries) {
  const std::string& file = queries[1];
  if (file == "-") return;  // is read once only
  if (queries[0] == "--jobs" ? AnyIsJudged(qrels, RankJobReader(fs::path(file)))
                             : AnyIsJudged(qrels, eval::Run::Read(file))) {
    return;
  }
  throw Error(
      ErrorCode::kInvalidArgument, qrels.name(),
      "judges none of the passages of " + file + "; do they belong to the same collection?");
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "dear-eval.XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr)
    throw Error(ErrorCode::kIo, name, std::string("cannot make a folder: ") + strerror(errno));
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace dear::app
