// dear rerank: one query from the command line, or many from a file.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "api/rank_jobs.h"
#include "api/run_jobs.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "command.h"
#include "eval/columns.h"
#include "interrupt.h"
#include "invocation_file.h"
#include "job_run.h"
#include "own_files.h"
#include "progress_bar.h"
#include "rank_output.h"
#include "rerank_options.h"
#include "rerankers.h"
#include "standard_output.h"

namespace dear::app {
namespace {

std::string ReadStandardInput() {
  std::string text;
  std::vector<char> buffer(size_t{1} << 16);
  while (true) {
    const ssize_t count = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (Interrupted()) throw Error(ErrorCode::kCancelled, "standard input", "stopped");
    if (count < 0) throw Error(ErrorCode::kIo, "standard input", "cannot be read");
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<size_t>(count));
  }
}

RankRequest RequestFromArguments(const RerankOptions& options) {
  RankRequest request{.qid = "q1", .query = *options.query, .passages = {}};
  const auto add = [&request](std::string_view text) {
    request.passages.push_back({.docid = "d" + std::to_string(request.passages.size()),
                                .title = "",
                                .text = std::string(text)});
  };
  for (const std::string& passage : options.passages) add(passage);
  if (options.file.empty()) return request;
  const std::string text = options.file == "-" ? ReadStandardInput() : ReadFile(options.file);
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") != std::string_view::npos) add(line);
  }
  return request;
}

void CheckRequest(const RankRequest& request, const std::string& where) {
  if (request.query.find_first_not_of(" \t\r\n") == std::string::npos)
    throw Error(ErrorCode::kInvalidArgument, where + "query", "is empty");
  if (request.passages.empty())
    throw Error(ErrorCode::kInvalidArgument, where + "passages", "there are none to rank");
}

// Before anything is opened for writing.
void RequireOwnOutputs(const RerankOptions& options) {
  std::vector<NamedFile> inputs = {{"--jobs", options.jobs}, {"the passages", options.file}};
  if (!options.run.empty()) {
    inputs = InputsOfRun({.run = options.run, .topics = options.topics, .corpus = options.corpus});
  }
  std::vector<NamedFile> outputs = {{"-o", options.out}, {"--invocations", options.invocations}};
  if (options.IsJob() && !options.out.empty())
    outputs.push_back({"what stands beside -o", JobRecordPath(options.out).string()});
  RequireOwnFiles(inputs, outputs);
}

// Before the model is loaded, which may take long.
void RefuseExistingFiles(const RerankOptions& options) {
  for (const std::string& path : {options.out, options.invocations}) {
    if (options.IsJob()) {
      RefuseExisting(path, options.OnExisting());
    } else if (options.OnExisting() == ExistingFile::kRefuse && HoldsSomething(path)) {
      throw Error(ErrorCode::kInvalidArgument, path,
                  "is already there; replace it with --overwrite");
    }
  }
}

// The same for an output that is to be carried on and was made otherwise, or of other queries.
void RefuseOtherSettings(const RerankOptions& options, const JobsOutline& outline) {
  if (options.OnExisting() != ExistingFile::kResume || !HoldsSomething(options.out)) return;
  std::optional<JobRecord> made = ReadJobRecord(options.out);
  if (!made) return;
  JobSettings settings = options.KnownSettings();
  settings[kRankedSetting] = RankedSetting(outline);
  std::string& ranked = made->settings[kRankedSetting];
  const bool has_grown = ranked.empty() || BeginsWith(outline, ranked);
  if (has_grown) ranked = settings[kRankedSetting];
  RequireSameSettings(options.out, made->settings, settings, SettingsOfLoadedModels());
  if (has_grown) WriteJobRecord(options.out, *made);
}

// Columns of a TREC line are parted by blanks.
void RequireColumns(const RerankOptions& options, const JobSource& jobs,
                    const JobsOutline& outline) {
  if (options.ChosenFormat() != "trec" || outline.id_with_blanks.empty()) return;
  throw Error(ErrorCode::kInvalidArgument, jobs.name(),
              "the id '" + eval::Shown(outline.id_with_blanks) +
                  "' has a blank or a control character, which a line of TREC cannot hold; "
                  "--format jsonl can");
}

int RankArguments(const RerankOptions& options, bool quiet) {
  const auto begin = std::chrono::steady_clock::now();
  const RankRequest request = RequestFromArguments(options);
  CheckRequest(request, "");
  RefuseExistingFiles(options);
  SayWhenInterrupted("the ranking was not finished");
  Rerankers rerankers(options, quiet);
  const std::vector<Stage> stages = rerankers.StagesFor("");
  ProgressBar bar(quiet);
  const RankOutcome outcome = std::move(RankBatch(options, quiet, stages, std::span(&request, 1),
                                                  {.progress = bar.Function(), .on_call = {}})
                                            .front());
  bar.Clear();
  SayNotes(request, outcome.result, quiet);
  if (outcome.error) throw Error(*outcome.error);
  if (!options.invocations.empty()) {
    InvocationFile(options.invocations, options.OnExisting(), {})
        .Append(InvocationsJson(request, outcome.result.trace, stages));
  }
  const ResultMaker maker = MakerOf(stages, options);
  const std::string text = FormatRanked(
      {.request = request,
       .result = outcome.result,
       .model = maker.model,
       .recipe = maker.recipe,
       .load_seconds = rerankers.load_seconds(),
       .total_seconds =
           std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
       .top = options.top,
       .trace = options.rank.trace},
      options.ChosenFormat());
  if (options.out.empty()) {
    Print(text);
  } else {
    WriteFileAtomically(options.out, std::as_bytes(std::span(text)));
  }
  return 0;
}

std::unique_ptr<JobSource> OpenJobs(const RerankOptions& options) {
  if (!options.run.empty()) {
    return std::make_unique<RunJobs>(
        RunFiles{.run = options.run, .topics = options.topics, .corpus = options.corpus});
  }
  if (options.jobs == "-")
    return std::make_unique<RankJobFile>(ReadStandardInput(), "standard input");
  return std::make_unique<RankJobFile>(options.jobs);
}

int RankJobs(const RerankOptions& options, bool quiet) {
  RefuseExistingFiles(options);
  SayWhenInterrupted("no query was finished");
  const std::unique_ptr<JobSource> jobs = OpenJobs(options);
  const JobsOutline outline = jobs->Check(InterruptFunction());
  RequireColumns(options, *jobs, outline);
  RefuseOtherSettings(options, outline);
  for (const std::string& note : outline.notes) Note(quiet, "dear: note: " + note);
  Rerankers rerankers(options, quiet);
  const size_t failed = JobRun(options, quiet, rerankers, outline).Rank(*jobs);
  if (failed == 0 || options.allow_failures) return 0;
  throw Error(ErrorCode::kInvalidArgument, jobs->name(),
              std::to_string(failed) + " of " + std::to_string(outline.queries) +
                  " queries failed and keep the order in which they came");
}

int Rerank(const RerankOptions& options, bool quiet) {
  RequireOwnOutputs(options);
  return options.IsJob() ? RankJobs(options, quiet) : RankArguments(options, quiet);
}

void CheckUsage(const RerankOptions& options) {
  const auto fail = [](const std::string& what) { throw CLI::ValidationError(what); };
  if (!options.jobs.empty() && !options.run.empty())
    fail("--jobs and --run exclude each other: both bring the queries");
  if (!options.IsJob() && !options.query)
    fail("give a query with -q, or files of them with --jobs or --run");
  if (options.IsJob() && (options.query || !options.passages.empty() || !options.file.empty()))
    fail("--jobs and --run bring queries and passages; they take no -q, -d or file beside them");
  options.CheckRunUsage();
  options.rank.CheckUsage();
  if (options.resume && (!options.IsJob() || options.out.empty()))
    fail("--resume needs -o, and --jobs or --run");
  if (options.resume && options.overwrite) fail("--resume and --overwrite exclude each other");
  if (options.IsJob() && options.format == "json")
    fail("--format json holds one query; for --jobs and --run use jsonl");
  if (options.IsJob() && !options.out.empty() && options.format == "table")
    fail("--format table is for the screen; with -o use jsonl, trec, rankllm or rankgpt");
}

}  // namespace

void AddRerank(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<RerankOptions>();
  CLI::App* command = AddCommand(
      app, globals, "rerank", "Puts passages in the order of their relevance to a query",
      "  dear rerank -q \"who invented the light bulb\" -d \"Coffee is good\" -d \"Edison, 1879\"\n"
      "  dear rerank -m path/to/adapter -q \"light bulb\" passages.txt --format json\n"
      "  grep -i bulb *.txt | dear rerank -q \"light bulb\" - --top 3\n"
      "  dear rerank -m model.gguf --adapter a=path/one --adapter b=path/two --use b -q … "
      "passages.txt\n"
      "  dear rerank -m org/name --dtype nf4 --jobs requests.jsonl -o ranked.jsonl --resume\n"
      "  dear rerank --run bm25.run --topics queries.tsv --corpus collection.tsv -o ranked.trec\n"
      "  dear rerank --run bm25.run --corpus beir/scifact -o ranked.trec\n"
      "A file of passages holds one a line; blank lines are skipped.");
  options->model.Declare(*command);
  command->add_option("-q,--query", options->query, "The query");
  command->add_option("-d,--document", options->passages, "A passage; may be given many times")
      ->allow_extra_args(false);
  command->add_option("passages", options->file,
                      "A file of passages, one a line; - is standard input");
  command->add_option("--jobs", options->jobs,
                      "Many queries: RankLLM's JSONL or RankGPT's JSON list, also gzipped; - is "
                      "standard input");
  command->add_option("--run", options->run,
                      "Many queries: a TREC run, with --topics and --corpus; any of them gzipped");
  command->add_option("--topics", options->topics,
                      "The run's queries: TSV (id, tab, text), JSON lines, or TREC's <top> form "
                      "(default: queries.jsonl in the folder that --corpus names)");
  command->add_option("--corpus", options->corpus,
                      "The run's passages: TSV (id, tab, text), JSON lines, or BEIR's folder");
  command->add_option("-o,--output", options->out, "Write here instead of to standard output");
  command->add_option("--invocations", options->invocations,
                      "Write every prompt and answer here too, as RankLLM's invocation history: a "
                      "JSON list, or one query a line where the name ends in .jsonl");
  command
      ->add_option("--format", options->format,
                   "table, json, jsonl, trec, rankllm or rankgpt (default: table on a terminal, "
                   "json in a pipe, jsonl "
                   "for --jobs and --run, trec where the output ends in .trec or .run)")
      ->check(CLI::IsMember({"table", "json", "jsonl", "trec", "rankllm", "rankgpt"}));
  command->add_flag("--json", options->json,
                    "Where --format names no other: json, or jsonl for --jobs and --run");
  command->add_option("--top", options->top, "Show the best N only")
      ->check(CLI::Range(int64_t{1}, std::numeric_limits<int64_t>::max()));
  command->add_flag("--resume", options->resume,
                    "With --jobs and --run: skip the queries that OUT holds already");
  command->add_flag("--allow-failures", options->allow_failures,
                    "With --jobs and --run: exit code 0 though queries failed; they are named all "
                    "the same and keep the order in which they came");
  command->add_flag("--overwrite", options->overwrite, "Replace an existing output file");
  options->rank.Declare(*command);
  DeclarePrefixCache(*command, options->model.prefix_cache);
  command->callback([options, command, &globals] {
    if (options->json && options->format.empty())
      options->format = options->IsJob() ? "jsonl" : "json";
    CheckUsage(*options);
    options->given = GivenSettings(*command);
    globals.run = [options, &globals] { return Rerank(*options, globals.quiet); };
  });
}

}  // namespace dear::app
