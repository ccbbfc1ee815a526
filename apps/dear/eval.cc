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
#include "eval/trec_format.h"
#include "eval_compare.h"
#include "eval_output.h"
#include "json_output.h"
#include "standard_output.h"
#include "terminal.h"

namespace dear::app {
namespace {

struct EvalFlags {
  std::string qrels;
  std::vector<std::string> runs;
  std::vector<std::string> measures;
  std::string gain = "linear";
  bool per_query = false;
  bool complete = false;
  bool no_summary = false;
  bool judged_only = false;
  int64_t level = 1;
  int64_t max_documents = std::numeric_limits<int64_t>::max();
  int64_t collection_size = 0;
  std::string base;
  int64_t permutations = 10000;
  uint64_t seed = 1;
  std::string report;
  bool table = false;
  bool json = false;
  int threads = 0;
};

// What is wrong with a measure's name, for the command line; empty where nothing is.
std::string MeasureProblem(const std::string& name) {
  try {
    (void)eval::MeasureSet::Parse(std::vector<std::string>{name}, eval::GainKind::kLinear);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

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

// What a reader of the figures should know about the run.
void Remark(const eval::Evaluation& evaluation, const EvalFlags& flags, const Globals& globals) {
  if (!evaluation.missing.empty()) {
    Note(globals.quiet,
         "dear: note: " + evaluation.run + ": " + std::to_string(evaluation.missing.size()) +
             " judged queries are not in the run (the first is '" + evaluation.missing.front() +
             "'); " +
             (flags.complete ? "they count as 0" : "they are left out, -c would count them as 0"));
  }
  if (evaluation.num_unjudged_queries > 0 && globals.verbosity > 0) {
    Note(globals.quiet, "dear: note: " + evaluation.run + ": " +
                            std::to_string(evaluation.num_unjudged_queries) +
                            " queries of the run have no judgements and are left out");
  }
  if (evaluation.num_in_pool == 0) {
    std::fprintf(stderr,
                 "dear: WARNING: %s: none of the documents retrieved is judged. Do qrels and run "
                 "belong to the same collection?\n",
                 evaluation.run.c_str());
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

Figures Compute(const EvalFlags& flags, const Globals& globals) {
  Figures out;
  ChooseMeasures(flags, out);
  std::vector<std::string> paths = flags.runs;
  if (!flags.base.empty()) {
    std::erase(paths, flags.base);
    paths.insert(paths.begin(), flags.base);
    if (paths.size() < 2)
      throw Error(ErrorCode::kInvalidArgument, flags.base, "there is no other run to compare");
  }
  ThreadPool pool(flags.threads);
  const eval::Qrels qrels = eval::Qrels::Parse(OpenText(flags.qrels));
  eval::EvaluationOptions options;
  options.judging = {flags.level, flags.judged_only, flags.max_documents};
  options.complete = flags.complete;
  options.collection_size = flags.collection_size;
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

bool IsMarkdown(const std::string& path) {
  return path.ends_with(".md") || path.ends_with(".markdown");
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
  Note(globals.quiet, "dear: note: the report is in " + flags.report);
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

int RunEval(const EvalFlags& flags, const Globals& globals) {
  const Figures figures = Compute(flags, globals);
  if (!flags.report.empty()) WriteReport(flags, figures, globals);
  if (flags.json) {
    PrintJson(flags, figures);
    return 0;
  }
  const Terminal terminal = Terminal::Of(STDOUT_FILENO);
  const bool several = figures.evaluations.size() > 1;
  if (figures.comparison || flags.table || (several && terminal.is_terminal && !flags.per_query)) {
    Print(EvaluationTable(figures.evaluations, figures.measures, terminal));
    if (figures.comparison) Print(ComparisonText(*figures.comparison, figures.names, terminal));
    return 0;
  }
  for (size_t i = 0; i < figures.evaluations.size(); ++i) {
    Print(eval::FormatTrec(
        figures.evaluations[i], figures.measures,
        {.per_query = flags.per_query,
         .summary = !flags.no_summary,
         .run = several ? std::string_view(figures.names[i]) : std::string_view()}));
  }
  return 0;
}

std::string Examples() {
  return "  dear eval qrels.txt run.txt                               TREC's official measures\n"
         "  dear eval qrels.txt run.txt -m ndcg_cut.10 -m map -c      two measures, every judged "
         "query counts\n"
         "  dear eval qrels.txt run.txt -m all_trec -q                everything, query by query\n"
         "  dear eval qrels.txt bm25.txt reranked.jsonl --table       two runs side by side\n"
         "  dear eval qrels/test.tsv run.txt.gz -m P.1,5,10 --json    BEIR's qrels, gzip, JSON\n"
         "  dear eval qrels.txt reranked.txt --compare bm25.txt       is it better, and by "
         "chance?\n"
         "  dear eval qrels.txt *.run --compare bm25.run --report r.html    one page for readers\n"
         "  dear rerank -m M --jobs J --format trec | dear eval qrels.txt -\n"
         "\n"
         "QRELS are TREC's (qid iteration docid relevance) or BEIR's (query-id corpus-id score).\n"
         "RUN is TREC text (qid Q0 docid rank score tag), the JSON lines of dear rerank, or\n"
         "RankLLM's or RankGPT's JSON; any file may be gzipped, and - is standard input.\n"
         "Documents are ordered by score, ties by docid from last to first; the rank column is\n"
         "not read. Without -c only queries that stand in both files count: a run that left out\n"
         "the hard ones looks better. Measures by name, parameters after a dot:\n"
         "  ndcg ndcg_cut.K map map_cut.K recip_rank P.K recall.K success.K Rprec bpref infAP\n"
         "  set_P set_recall set_F.B set_map set_relative_P iprec_at_recall.R 11pt_avg gm_map\n"
         "  num_q num_ret num_rel num_rel_ret relative_P.K Rprec_mult.X ndcg_rel Rndcg binG G\n"
         "  utility.A,B,C,D relstring.N yaap; groups: official (default), set, all_trec\n"
         "ndcg.1=3,2=9 gives levels gains of their own; --gain exp2 is 2^level - 1.";
}

}  // namespace

void AddEval(CLI::App& app, Globals& globals) {
  auto flags = std::make_shared<EvalFlags>();
  CLI::App* command =
      AddCommand(app, globals, "eval",
                 "Evaluates runs by trec_eval's measures, to its last decimal", Examples());
  command->add_option("qrels", flags->qrels, "Relevance judgements (TREC or BEIR TSV)")->required();
  command->add_option("runs", flags->runs, "Rankings (TREC, JSON lines, RankLLM)")->required();
  command
      ->add_option("-m,--measure", flags->measures,
                   "A measure or a group of them, with .parameters; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME")
      ->check([](const std::string& name) { return MeasureProblem(name); });
  command->add_flag("-q,--per-query,--query_eval_wanted", flags->per_query,
                    "Print every query before the summary");
  command->add_flag("-c,--complete,--complete_rel_info_wanted", flags->complete,
                    "Average over all judged queries: one that the run lacks counts as 0");
  command->add_flag("-n,--no-summary,--nosummary", flags->no_summary, "Print no summary");
  command
      ->add_option("-l,--level,--level_for_rel", flags->level,
                   "The lowest relevance that counts as relevant (not for ndcg and G)")
      ->capture_default_str();
  command->add_flag("-J,--judged-only,--Judged_docs_only", flags->judged_only,
                    "Take documents without a judgement out of the rankings first");
  command
      ->add_option("-M,--max-documents,--Max_retrieved_per_topic", flags->max_documents,
                   "Look at the first N documents of a query only")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("-N,--collection-size,--Number_docs_in_coll", flags->collection_size,
                   "Documents in the collection (for utility)")
      ->type_name("N");
  command->add_option("--gain", flags->gain, "Gain of a relevance level: linear, or exp2 (2^l - 1)")
      ->check(CLI::IsMember({"linear", "exp2"}))
      ->capture_default_str();
  command
      ->add_option("--compare", flags->base,
                   "Compare the runs with this one: paired t-test, Wilcoxon, randomisation")
      ->type_name("BASE");
  command
      ->add_option("--permutations", flags->permutations,
                   "Sign patterns drawn by the randomisation test")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000000}))
      ->capture_default_str();
  command->add_option("--seed", flags->seed, "Seed of the randomisation test")
      ->capture_default_str();
  command
      ->add_option("--report", flags->report,
                   "Write a page with tables and plots: .html, or .md for a terminal")
      ->type_name("OUT")
      ->check([](const std::string& path) {
        const bool known = IsMarkdown(path) || path.ends_with(".html") || path.ends_with(".htm");
        return known ? std::string() : "--report needs a name that ends in .html or .md";
      });
  command->add_flag("--table", flags->table,
                    "A table of the summaries, also when not on a terminal");
  command->add_flag("--json", flags->json, "Print JSON, at full precision");
  command->add_option("--threads", flags->threads, "Threads (0: all that this process may use)")
      ->check(CLI::NonNegativeNumber);
  command->callback(
      [flags, &globals] { globals.run = [flags, &globals] { return RunEval(*flags, globals); }; });
}

}  // namespace dear::app
