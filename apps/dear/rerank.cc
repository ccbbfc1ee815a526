// dear rerank: one query from the command line, or many from a file.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "api/loaded_model.h"
#include "api/rank_jobs.h"
#include "api/stage_models.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "command.h"
#include "interrupt.h"
#include "json_output.h"
#include "model_flags.h"
#include "progress_bar.h"
#include "rank/reranker.h"
#include "rank_flags.h"
#include "rank_output.h"
#include "result_file.h"
#include "standard_output.h"
#include "terminal.h"

namespace dear::app {
namespace {

namespace fs = std::filesystem;

struct Options {
  ModelFlags model;
  RankFlags rank;
  std::optional<std::string> query;
  std::vector<std::string> passages;
  std::string file;
  std::string jobs;
  std::string out;
  std::string format;
  int64_t top = 0;
  bool resume = false;
  bool overwrite = false;
};

// Rerankers over one loaded model, one an adapter, made when first asked for.
class Rerankers {
 public:
  Rerankers(const Options& options, bool quiet)
      : options_(options), quiet_(quiet), loaded_(LoadWithProgress(options.model, quiet)) {}

  struct Named {
    std::string model;
    std::unique_ptr<Reranker> reranker;
  };
  const Named& For(const std::string& adapter_name) {
    const auto adapter =
        loaded_.FindAdapter(adapter_name.empty() ? options_.model.use : adapter_name);
    const std::string key = adapter ? adapter->name() : "base";
    const auto known = named_.find(key);
    if (known != named_.end()) return known->second;
    std::string recipe = options_.rank.recipe;
    if (recipe.empty()) {
      const DetectedRecipe detected = loaded_.Detect(adapter.get());
      recipe = detected.name;
      if (detected.guessed) {
        Note(quiet_, "dear: note: ranking by the recipe " + recipe + ": " + detected.why +
                         " (--recipe names another)");
      }
    }
    Named made{.model = options_.model.model,
               .reranker = std::make_unique<Reranker>(loaded_.MakeLanguageModel(adapter),
                                                      options_.rank.Load(recipe))};
    const bool from_m = adapter && loaded_.files.adapter && adapter == loaded_.adapters.front();
    if (adapter && !from_m) made.model += "+" + adapter->name();
    return named_.emplace(key, std::move(made)).first->second;
  }

  // The first stage through that adapter, and the stages behind it.
  std::vector<Stage> StagesFor(const std::string& adapter_name) {
    if (!later_) {
      later_.emplace(loaded_, options_.rank.Later(), options_.model.Request().options);
      for (const std::string& note : later_->notes())
        Note(quiet_, "dear: note: " + note + " (--then-recipe names another)");
    }
    const Named& first = For(adapter_name);
    return later_->Behind({first.model, first.reranker.get(), options_.rank.depth});
  }

  double load_seconds() const { return loaded_.seconds + (later_ ? later_->seconds() : 0); }

 private:
  const Options& options_;
  bool quiet_;
  LoadedModel loaded_;
  std::map<std::string, Named> named_;
  std::optional<StageModels> later_;
};

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

RankRequest RequestFromArguments(const Options& options) {
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

// Queries through all stages, with the screen kept in order: a progress bar, the reasoning as it is
// written, and notes.
std::vector<RankOutcome> RankBatch(const Options& options, bool quiet,
                                   const std::vector<Stage>& stages,
                                   std::span<const RankRequest> requests, bool show_progress) {
  RankOptions how = options.rank.Options(stages.front().reranker->recipe());
  how.cancel = InterruptFunction();
  ProgressBar bar(quiet || !show_progress || how.reasoning);
  how.progress = bar.Function();
  if (how.reasoning && !quiet) {
    how.on_text = [](std::string_view piece) {
      std::fwrite(piece.data(), 1, piece.size(), stderr);
      std::fflush(stderr);
    };
  }
  std::vector<RankOutcome> outcomes = RankInStages(stages, requests, how, options.rank.FusionOf());
  if (how.on_text) std::fputc('\n', stderr);
  bar.Clear();
  for (size_t i = 0; i < requests.size(); ++i) {
    for (const std::string& note : outcomes[i].result.notes)
      Note(quiet, "dear: note: " + requests[i].qid + ": " + note);
  }
  return outcomes;
}

// What results are signed with: all stages, and how they were fused.
ResultMaker MakerOf(const std::vector<Stage>& stages, const RankFlags& flags) {
  ResultMaker maker;
  for (const Stage& stage : stages) {
    if (!maker.model.empty()) maker.model += " > ", maker.recipe += " > ";
    maker.model += stage.model;
    if (&stage != &stages.front() && stage.depth > 0)
      maker.model += ":" + std::to_string(stage.depth);
    maker.recipe += stage.reranker->recipe().name;
  }
  if (!flags.fuse.empty()) maker.recipe += " + " + flags.fuse;
  return maker;
}

double Since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::string Format(const RankedQuery& ranked, const std::string& format) {
  if (format == "json") return Dump(RankJson(ranked), 2) + "\n";
  if (format == "jsonl") return Dump(RankJson(ranked)) + "\n";
  if (format == "trec") return RankTrec(ranked);
  if (format == "rankllm") return Dump(RankLlmJson(ranked)) + "\n";
  if (format == "rankgpt") return Dump(RankGptJson(ranked)) + "\n";
  return RankTable(ranked, Terminal::Of(STDOUT_FILENO));
}

std::string ChooseFormat(const Options& options) {
  if (!options.format.empty()) return options.format;
  if (options.out.ends_with(".trec") || options.out.ends_with(".run")) return "trec";
  if (!options.jobs.empty()) return "jsonl";
  if (!options.out.empty()) return options.out.ends_with(".jsonl") ? "jsonl" : "json";
  return isatty(STDOUT_FILENO) == 1 ? "table" : "json";
}

ResultFormat FileFormat(const std::string& format) {
  if (format == "trec") return ResultFormat::kTrec;
  return format == "jsonl" ? ResultFormat::kJsonLines : ResultFormat::kExchange;
}

ExistingFile OnExisting(const Options& options) {
  if (options.resume) return ExistingFile::kResume;
  return options.overwrite ? ExistingFile::kOverwrite : ExistingFile::kRefuse;
}

// Before the model is loaded, which may take long.
void RefuseExisting(const Options& options) {
  std::error_code error;
  if (options.out.empty() || OnExisting(options) != ExistingFile::kRefuse) return;
  if (fs::is_regular_file(options.out, error) && fs::file_size(options.out, error) > 0) {
    throw Error(ErrorCode::kInvalidArgument, options.out,
                options.jobs.empty()
                    ? "is already there; replace it with --overwrite"
                    : "is already there; carry it on with --resume or replace it with --overwrite");
  }
}

int RankArguments(const Options& options, bool quiet) {
  const auto begin = std::chrono::steady_clock::now();
  const RankRequest request = RequestFromArguments(options);
  CheckRequest(request, "");
  RefuseExisting(options);
  SayWhenInterrupted("the ranking was not finished");
  Rerankers rerankers(options, quiet);
  const std::vector<Stage> stages = rerankers.StagesFor("");
  const RankOutcome outcome =
      std::move(RankBatch(options, quiet, stages, std::span(&request, 1), true).front());
  if (outcome.error) throw Error(*outcome.error);
  const ResultMaker maker = MakerOf(stages, options.rank);
  const std::string text = Format({.request = request,
                                   .result = outcome.result,
                                   .model = maker.model,
                                   .recipe = maker.recipe,
                                   .load_seconds = rerankers.load_seconds(),
                                   .total_seconds = Since(begin),
                                   .top = options.top,
                                   .trace = options.rank.trace},
                                  ChooseFormat(options));
  if (options.out.empty()) {
    Print(text);
  } else {
    WriteFileAtomically(options.out, std::as_bytes(std::span(text)));
  }
  return 0;
}

// What is known of a file of queries before any of them is ranked.
struct JobsOutline {
  size_t queries = 0;
  std::set<std::string> adapters;
};

// Goes through the whole file, so that a broken line is said before hours of work and not after.
JobsOutline ReadOutline(RankJobReader reader, const std::string& name) {
  JobsOutline outline;
  while (const auto job = reader.Next()) {
    outline.adapters.insert(job->adapter);
    if (Interrupted()) throw Error(ErrorCode::kCancelled, name, "stopped");
  }
  outline.queries = reader.count();
  if (outline.queries == 0) throw Error(ErrorCode::kInvalidArgument, name, "holds no queries");
  return outline;
}

// The ranking of many queries, as they come from a file and go to another or to the screen.
class JobRun {
 public:
  JobRun(const Options& options, bool quiet, Rerankers& rerankers, const JobsOutline& outline)
      : options_(options),
        quiet_(quiet),
        rerankers_(rerankers),
        outline_(outline),
        format_(ChooseFormat(options)),
        bar_(quiet) {
    if (options.out.empty()) return;
    std::set<ResultMaker> makers;
    for (const std::string& adapter : outline.adapters)
      makers.insert(MakerOf(rerankers.StagesFor(adapter), options.rank));
    file_.emplace(options.out, OnExisting(options), FileFormat(format_), makers);
    failed_ = file_->failed();
  }

  // Returns how many queries failed, those of a run that is carried on included.
  size_t Rank(RankJobReader& reader) {
    load_seconds_ = rerankers_.load_seconds();
    while (auto job = reader.Next()) {
      if (file_ && file_->finished().contains(job->request.qid)) {
        ++done_;
        continue;
      }
      if (!batch_.empty() && job->adapter != adapter_) RankGathered();
      adapter_ = job->adapter;
      passages_ += job->request.passages.size();
      batch_.push_back(std::move(job->request));
      if (batch_.size() >= BatchSize() || passages_ >= kPassagesInBatch) RankGathered();
    }
    if (!batch_.empty()) RankGathered();
    if (file_) file_->Sync();
    bar_.Clear();
    return failed_;
  }

 private:
  static constexpr size_t kQueriesInBatch = 8;
  static constexpr size_t kPassagesInBatch = 1000;

  // Listwise windows of several queries share calls of the model; any other recipe gains nothing
  // from company, and alone each query is on disk the sooner. Reasoning is streamed of one only.
  size_t BatchSize() {
    if (options_.rank.reasoning && !quiet_) return 1;
    const std::vector<Stage> stages = rerankers_.StagesFor(adapter_);
    const bool listwise = std::ranges::any_of(stages, [](const Stage& stage) {
      return stage.reranker->recipe().kind == RecipeKind::kListwise;
    });
    return listwise ? kQueriesInBatch : 1;
  }

  void RankGathered() {
    ShowProgress();
    if (Interrupted()) throw Error(ErrorCode::kCancelled, "rerank", "stopped");
    const auto begin = std::chrono::steady_clock::now();
    const std::vector<Stage> stages = rerankers_.StagesFor(adapter_);
    std::vector<RankOutcome> outcomes = RankBatch(options_, quiet_, stages, batch_, false);
    const double seconds = Since(begin) / static_cast<double>(batch_.size());
    for (size_t i = 0; i < batch_.size(); ++i) Finish(stages, batch_[i], outcomes[i], seconds);
    batch_.clear();
    passages_ = 0;
  }

  void Finish(const std::vector<Stage>& stages, const RankRequest& request, RankOutcome& outcome,
              double seconds) {
    if (request.passages.empty() && !outcome.error)
      outcome.error = Error(ErrorCode::kInvalidArgument, "passages", "there are none to rank");
    if (outcome.error) {
      // The query keeps the order that it has, and the job goes on.
      ++failed_;
      bar_.Clear();
      Note(false, "dear: warning: query " + request.qid + ": " + outcome.error->what());
      outcome.result.scores.assign(request.passages.size(),
                                   std::numeric_limits<float>::quiet_NaN());
    }
    const ResultMaker maker = MakerOf(stages, options_.rank);
    const std::string text = Format({.request = request,
                                     .result = outcome.result,
                                     .model = maker.model,
                                     .recipe = maker.recipe,
                                     .error = outcome.error ? outcome.error->what() : "",
                                     .load_seconds = std::exchange(load_seconds_, 0),
                                     .total_seconds = seconds,
                                     .top = options_.top,
                                     .trace = options_.rank.trace},
                                    format_);
    if (file_) {
      file_->Append(text);
    } else {
      if (format_ == "table") Print(request.qid + ": " + OneLine(request.query, 100, true) + "\n");
      Print(text + (format_ == "table" ? "\n" : ""));
      FlushPrint();
    }
    ++done_;
    ++ranked_;
    tokens_ += outcome.result.usage.prompt_tokens + outcome.result.usage.completion_tokens;
    SayWhenInterrupted(std::to_string(done_) + " of " + std::to_string(outline_.queries) +
                       " queries are " +
                       (file_ ? "written to " + options_.out + "; --resume carries on" : "done"));
  }

  void ShowProgress() {
    std::string what = "queries";
    if (ranked_ > 0) {
      const double seconds = std::max(Since(begin_), 1e-3);
      const double left =
          seconds / static_cast<double>(ranked_) * static_cast<double>(outline_.queries - done_);
      what += ", " + std::to_string(static_cast<int64_t>(static_cast<double>(tokens_) / seconds)) +
              " tokens/s, " +
              (left < 90 ? std::to_string(static_cast<int64_t>(left) + 1) + " s left"
                         : std::to_string(static_cast<int64_t>(left / 60) + 1) + " min left");
    }
    bar_.Show(what, static_cast<int64_t>(done_), static_cast<int64_t>(outline_.queries));
  }

  const Options& options_;
  bool quiet_;
  Rerankers& rerankers_;
  const JobsOutline& outline_;
  std::string format_;
  ProgressBar bar_;
  std::optional<ResultFile> file_;
  std::vector<RankRequest> batch_;
  std::string adapter_;  // of the batch
  size_t passages_ = 0;  // in it
  size_t done_ = 0;      // written, now or before
  size_t ranked_ = 0;    // now
  size_t failed_ = 0;
  int64_t tokens_ = 0;
  double load_seconds_ = 0;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

int RankJobs(const Options& options, bool quiet) {
  RefuseExisting(options);
  const bool piped = options.jobs == "-";
  const std::string name = piped ? "standard input" : options.jobs;
  std::string text;
  if (piped) text = ReadStandardInput();
  SayWhenInterrupted("no query was finished");
  const JobsOutline outline =
      ReadOutline(piped ? RankJobReader(text, name) : RankJobReader(options.jobs), name);
  Rerankers rerankers(options, quiet);
  RankJobReader reader = piped ? RankJobReader(std::move(text), name) : RankJobReader(options.jobs);
  const size_t failed = JobRun(options, quiet, rerankers, outline).Rank(reader);
  if (failed == 0) return 0;
  throw Error(ErrorCode::kInvalidArgument, options.jobs,
              std::to_string(failed) + " of " + std::to_string(outline.queries) +
                  " queries failed and keep the order in which they came");
}

int Rerank(const Options& options, bool quiet) {
  // What is wrong with these is said before a model is loaded.
  options.rank.Later();
  options.rank.FusionOf();
  return options.jobs.empty() ? RankArguments(options, quiet) : RankJobs(options, quiet);
}

void CheckUsage(const Options& options) {
  const auto fail = [](const std::string& what) { throw CLI::ValidationError(what); };
  if (options.jobs.empty() && !options.query)
    fail("give a query with -q, or a file of them with --jobs");
  if (!options.jobs.empty() &&
      (options.query || !options.passages.empty() || !options.file.empty()))
    fail("--jobs brings queries and passages; it takes no -q, -d or file beside it");
  if (options.resume && (options.jobs.empty() || options.out.empty()))
    fail("--resume needs --jobs and -o");
  if (options.resume && options.overwrite) fail("--resume and --overwrite exclude each other");
  if (!options.jobs.empty() && options.format == "json")
    fail("--format json holds one query; for --jobs use jsonl");
  if (!options.jobs.empty() && !options.out.empty() && options.format == "table")
    fail("--format table is for the screen; with -o use jsonl, trec, rankllm or rankgpt");
}

}  // namespace

void AddRerank(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = AddCommand(
      app, globals, "rerank", "Puts passages in the order of their relevance to a query",
      "  dear rerank -q \"who invented the light bulb\" -d \"Coffee is good\" -d \"Edison, 1879\"\n"
      "  dear rerank -m path/to/adapter -q \"light bulb\" passages.txt --format json\n"
      "  grep -i bulb *.txt | dear rerank -q \"light bulb\" - --top 3\n"
      "  dear rerank -m model.gguf --adapter a=path/one --adapter b=path/two --use b -q … "
      "passages.txt\n"
      "  dear rerank -m org/name --dtype nf4 --jobs requests.jsonl -o ranked.jsonl --resume\n"
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
  command->add_option("-o,--output", options->out, "Write here instead of to standard output");
  command
      ->add_option("--format", options->format,
                   "table, json, jsonl, trec, rankllm or rankgpt (default: table on a terminal, "
                   "json in a pipe, jsonl "
                   "for --jobs, trec where the output ends in .trec or .run)")
      ->check(CLI::IsMember({"table", "json", "jsonl", "trec", "rankllm", "rankgpt"}));
  command->add_option("--top", options->top, "Show the best N only")->check(CLI::PositiveNumber);
  command->add_flag("--resume", options->resume,
                    "With --jobs: skip the queries that OUT holds already");
  command->add_flag("--overwrite", options->overwrite, "Replace an existing output file");
  options->rank.Declare(*command);
  command->callback([options, &globals] {
    CheckUsage(*options);
    globals.run = [options, &globals] { return Rerank(*options, globals.quiet); };
  });
}

}  // namespace dear::app
