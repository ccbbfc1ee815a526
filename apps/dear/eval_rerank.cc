#include "eval_rerank.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "interrupt.h"

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
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

void RerankJobs(const RerankForEval& request, const fs::path& out) {
  std::vector<std::string> words = {"dear", "rerank", "-m", request.model};
  words.insert(words.end(), request.queries.begin(), request.queries.end());
  words.insert(words.end(), {"--format", "jsonl", "-o", out.string()});
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
  if (const int code = Wait(child); code != 0) {
    throw Error(ErrorCode::kInvalidArgument, request.model,
                "reranking failed with exit code " + std::to_string(code));
  }
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
