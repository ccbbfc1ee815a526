// dear eval: trec_eval's measures of one run or several.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "command.h"
#include "eval/comparison.h"
#include "eval/evaluation.h"
#include "eval/report.h"
#include "eval/report_text.h"
#include "eval/trec_format.h"
#include "eval_compare.h"
#include "eval_flags.h"
#include "eval_output.h"
#include "eval_published.h"
#include "eval_rerank.h"
#include "json_output.h"
#include "own_files.h"
#include "standard_output.h"
#include "terminal.h"

namespace dear::app {
namespace {

std::shared_ptr<const eval::TextSource> OpenText(const std::string& path) {
  if (path != "-") return eval::TextSource::Open(path);
  std::string text;
  std::vector<char> buffer(size_t{1} << 20);
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      throw Error(ErrorCode::kIo, "standard input", std::string("cannot read: ") + strerror(errno));
    if (got == 0) break;
    text.append(buffer.data(), static_cast<size_t>(got));
  }
  return eval::TextSource::FromString(std::move(text), "standard input");
}

// One line on standard error; names in it come from files.
void Say(bool quiet, const std::string& line) {
  Note(quiet, OneLine("dear: " + line, 1000, Terminal::Of(STDERR_FILENO).unicode));
}

// What a reader of the figures should know about the run.
void Remark(const eval::Evaluation& evaluation, const EvalFlags& flags, const Globals& globals) {
  if (!evaluation.missing.empty()) {
    Say(globals.quiet,
        "note: " + evaluation.run + ": " + std::to_string(evaluation.missing.size()) +
            " judged queries are not in the run (the first is '" + evaluation.missing.front() +
            "'); " +
            (flags.complete ? "they count as 0" : "they are left out, -c would count them as 0"));
  }
  if (evaluation.num_unjudged_queries > 0 && globals.verbosity > 0) {
    Say(globals.quiet, "note: " + evaluation.run + ": " +
                           std::to_string(evaluation.num_unjudged_queries) +
                           " queries of the run have no judgements and are left out");
  }
  if (evaluation.num_in_pool == 0) {
    Say(/*quiet=*/false, "WARNING: " + evaluation.run +
                             ": none of the documents retrieved is judged. Do qrels and run "
                             "belong to the same collection?");
  }
}

// Everything that was evaluated: where there is a base, it is the first.
struct Figures {
  eval::MeasureSet measures;
  std::vector<eval::Evaluation> evaluations;
  std::vector<std::string> names;
  std::optional<eval::Comparison> comparison;
  std::string focus;  // the column that was asked for first
};

void ChooseMeasures(const EvalFlags& flags, Figures& out) {
  std::vector<std::string> names = flags.measures;
  // Thirty measures would cost a comparison its power, and a report its readers.
  if (names.empty() && (!flags.base.empty() || !flags.report.empty()))
    names = {"ndcg_cut.10", "map", "recip_rank", "recall.100"};
  const eval::GainKind gain =
      flags.gain == "exp2" ? eval::GainKind::kExponential : eval::GainKind::kLinear;
  out.measures = eval::MeasureSet::Parse(names, gain);
  if (names.empty()) return;
  const std::vector<std::string> first = {names.front()};
  out.focus = eval::MeasureSet::Parse(first, gain).columns().front().name;
}

eval::EvaluationOptions OptionsOf(const EvalFlags& flags) {
  eval::EvaluationOptions options;
  options.judging = {flags.level, flags.judged_only, flags.max_documents};
  options.complete = flags.complete;
  options.collection_size = flags.collection_size;
  return options;
}

// `ranked`: the rankings that --model made.
Figures Compute(const EvalFlags& flags, const std::string& ranked, const Globals& globals) {
  Figures out;
  ChooseMeasures(flags, out);
  std::vector<std::string> paths = flags.files;
  if (!flags.model.empty()) paths.push_back(ranked);
  if (!flags.base.empty()) {
    std::erase(paths, flags.base);
    paths.insert(paths.begin(), flags.base);
    if (paths.size() < 2)
      throw Error(ErrorCode::kInvalidArgument, flags.base, "there is no other run to compare");
  }
  ThreadPool pool(flags.threads);
  const eval::Qrels qrels = eval::Qrels::Parse(OpenText(flags.qrels));
  const eval::EvaluationOptions options = OptionsOf(flags);
  for (const std::string& path : paths) {
    const eval::Run run = eval::Run::Parse(OpenText(path), &pool);
    out.evaluations.push_back(eval::Evaluate(run, qrels, out.measures, options, &pool));
    Remark(out.evaluations.back(), flags, globals);
  }
  out.names = RunNames(out.evaluations);
  if (!flags.base.empty()) {
    out.comparison = eval::Compare(
        out.evaluations.front(), std::span(out.evaluations).subspan(1), out.measures,
        {.complete = flags.complete, .resamples = flags.permutations, .seed = flags.seed}, &pool);
  }
  return out;
}

std::vector<std::string> Conditions(const EvalFlags& flags) {
  std::vector<std::string> out;
  out.emplace_back(flags.complete ? "averaged over all judged queries (-c)"
                                  : "averaged over the queries retrieved");
  if (flags.level != 1)
    out.push_back("relevant from level " + std::to_string(flags.level) + " (-l)");
  if (flags.judged_only) out.emplace_back("judged documents only (-J)");
  if (flags.max_documents != std::numeric_limits<int64_t>::max())
    out.push_back("first " + std::to_string(flags.max_documents) + " documents (-M)");
  if (flags.gain != "linear") out.emplace_back("gain 2^level - 1");
  return out;
}

void WriteReport(const EvalFlags& flags, const Figures& figures, const Globals& globals) {
  const eval::ReportInput input{.qrels = flags.qrels,
                                .conditions = Conditions(flags),
                                .measures = figures.measures,
                                .evaluations = figures.evaluations,
                                .names = figures.names,
                                .comparison = figures.comparison,
                                .focus = figures.focus};
  AtomicFile file(flags.report);
  file.Write(IsMarkdown(flags.report) ? eval::MarkdownReport(input) : eval::HtmlReport(input));
  file.Commit();
  Say(globals.quiet, "note: the report is in " + flags.report);
}

void PrintJson(const EvalFlags& flags, const Figures& figures) {
  OrderedJson out;
  out["qrels"] = flags.qrels;
  out["gain"] = flags.gain;
  out["runs"] = OrderedJson::array();
  for (const eval::Evaluation& evaluation : figures.evaluations)
    out["runs"].push_back(EvaluationJson(evaluation, figures.measures, flags.per_query));
  if (figures.comparison) out["comparison"] = ComparisonJson(*figures.comparison);
  Print(Dump(out, 2) + "\n");
}

// Before anything is opened for writing.
void RequireOwnOutputs(const EvalFlags& flags) {
  std::vector<NamedFile> inputs = {
      {"the judgements", flags.qrels}, {"--jobs", flags.jobs},     {"--run", flags.run},
      {"--topics", flags.topics},      {"--corpus", flags.corpus}, {"--compare", flags.base}};
  for (const std::string& file : flags.files) inputs.push_back({"a run", file});
  RequireOwnFiles(inputs, {{"--report", flags.report}, {"--ranked", flags.ranked}});
}

// The figures stand, but not all that they are of was ranked.
void RequireNoFailures(size_t failed, const std::string& queries) {
  if (failed == 0) return;
  throw Error(
      ErrorCode::kInvalidArgument, queries,
      std::to_string(failed) +
          " queries failed and keep the order in which they came; the figures are of that order");
}

void PrintFigures(const EvalFlags& flags, const Figures& figures) {
  if (flags.json) {
    PrintJson(flags, figures);
    return;
  }
  const Terminal terminal = Terminal::Of(STDOUT_FILENO);
  const bool several = figures.evaluations.size() > 1;
  if (figures.comparison || flags.table || (several && terminal.is_terminal && !flags.per_query)) {
    Print(EvaluationTable(figures.evaluations, figures.measures, terminal));
    if (figures.comparison) Print(ComparisonText(*figures.comparison, figures.names, terminal));
    return;
  }
  for (size_t i = 0; i < figures.evaluations.size(); ++i) {
    Print(eval::FormatTrec(
        figures.evaluations[i], figures.measures,
        {.per_query = flags.per_query,
         .summary = !flags.no_summary,
         .run = several ? std::string_view(figures.names[i]) : std::string_view()}));
  }
}

int RunEval(const EvalFlags& flags, const Globals& globals) {
  RequireOwnOutputs(flags);
  std::optional<TemporaryFolder> folder;
  std::string ranked = flags.ranked;
  size_t failed = 0;
  if (!flags.model.empty()) {
    if (ranked.empty()) ranked = (folder.emplace().path() / "reranked.jsonl").string();
    const RerankForEval request{flags.model, flags.RerankInput(), flags.prefix_cache, flags.rerank,
                                globals.quiet};
    // Before the work, not after it.
    RequireJudgedPassages(eval::Qrels::Parse(OpenText(flags.qrels)), request.queries);
    if (const int code = RerankJobs(request, ranked); code != 0) return code;
    failed = FailedQueries(ranked);
  }
  const Figures figures = Compute(flags, ranked, globals);
  if (!flags.report.empty()) WriteReport(flags, figures, globals);
  PrintFigures(flags, figures);
  RequireNoFailures(failed, flags.jobs.empty() ? flags.run : flags.jobs);
  return 0;
}

// The name of a set's own run: {set} in the pattern stands for the set.
std::string ForSet(std::string pattern, const std::string& set) {
  for (size_t at = pattern.find("{set}"); at != std::string::npos; at = pattern.find("{set}", at))
    pattern.replace(at, 5, set);
  return pattern;
}

// A published table, and the runs (or the model's rankings) of its sets below it.
int RunPublished(const EvalFlags& flags, const Globals& globals) {
  const PublishedTable table = LoadPublishedTable(flags.published);
  const eval::MeasureSet measures =
      eval::MeasureSet::Parse(table.measures, eval::GainKind::kLinear);
  std::optional<TemporaryFolder> folder;
  std::vector<std::string> patterns = flags.files;
  if (!flags.model.empty()) {
    patterns = {flags.ranked.empty() ? (folder.emplace().path() / "{set}.jsonl").string()
                                     : flags.ranked};
    if (table.sets.size() > 1 && patterns[0].find("{set}") == std::string::npos)
      throw Error(ErrorCode::kInvalidArgument, patterns[0],
                  "needs {set} in its name, for each set");
  }
  size_t failed = 0;
  std::vector<PublishedTable::Row> own;
  own.reserve(patterns.size());
  for (const std::string& pattern : patterns)
    own.push_back({flags.model.empty() ? pattern : flags.model, {}});
  std::vector<std::string> columns;
  ThreadPool pool(flags.threads);
  eval::EvaluationOptions options = OptionsOf(flags);
  options.complete = true;  // as published figures are
  for (const PublishedTable::Set& set : table.sets) {
    for (const eval::MeasureColumn& column : measures.columns())
      columns.push_back(set.name + (measures.columns().size() > 1 ? " " + column.name : ""));
    if (own.empty()) continue;
    const eval::Qrels qrels = eval::Qrels::Read(FindSetFile(set, set.qrels, flags.data));
    for (size_t i = 0; i < patterns.size(); ++i) {
      const std::string path = ForSet(patterns[i], set.name);
      if (!flags.model.empty()) {
        const std::string jobs = FindSetFile(set, set.jobs, flags.data).string();
        const RerankForEval request{
            flags.model, {"--jobs", jobs}, flags.prefix_cache, flags.rerank, globals.quiet};
        RequireOwnFiles({{"the jobs of " + set.name, jobs}}, {{"--ranked", path}});
        if (const int code = RerankJobs(request, path); code != 0) return code;
        failed += FailedQueries(path);
      }
      const eval::Run run = eval::Run::Parse(OpenText(path), &pool);
      const eval::Evaluation evaluation = eval::Evaluate(run, qrels, measures, options, &pool);
      Remark(evaluation, flags, globals);
      for (const double value : evaluation.summary)
        own[i].values.push_back(eval::Decimals(100 * value, 2));
    }
  }
  if (flags.json) {
    OrderedJson out{{"table", table.title}, {"columns", columns}, {"rows", OrderedJson::array()}};
    const auto add = [&out](const PublishedTable::Row& row, bool is_published) {
      OrderedJson one;
      one["system"] = row.system;
      one["published"] = is_published;
      one["values"] = row.values;
      out["rows"].push_back(std::move(one));
    };
    for (const PublishedTable::Row& row : table.rows) add(row, true);
    for (const PublishedTable::Row& row : own) add(row, false);
    Print(Dump(out, 2) + "\n");
  } else {
    Print(PublishedText(table, columns, own, Terminal::Of(STDOUT_FILENO)));
  }
  RequireNoFailures(failed, table.title);
  return 0;
}

}  // namespace

void AddEval(CLI::App& app, Globals& globals) {
  auto flags = std::make_shared<EvalFlags>();
  CLI::App* command =
      AddCommand(app, globals, "eval",
                 "Evaluates runs by trec_eval's measures, to its last decimal", EvalExamples());
  flags->Declare(*command);
  command->callback([flags, &globals] {
    flags->Settle();
    globals.run = [flags, &globals] {
      return flags->published.empty() ? RunEval(*flags, globals) : RunPublished(*flags, globals);
    };
  });
}

}  // namespace dear::app
