// dear eval: trec_eval's measures of one run or several.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "command.h"
#include "eval/evaluation.h"
#include "eval/trec_format.h"
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

std::vector<eval::Evaluation> EvaluateAll(const EvalFlags& flags, const eval::MeasureSet& measures,
                                          const Globals& globals) {
  ThreadPool pool(flags.threads);
  const eval::Qrels qrels = eval::Qrels::Parse(OpenText(flags.qrels));
  eval::EvaluationOptions options;
  options.judging = {flags.level, flags.judged_only, flags.max_documents};
  options.complete = flags.complete;
  options.collection_size = flags.collection_size;
  std::vector<eval::Evaluation> evaluations;
  for (const std::string& path : flags.runs) {
    const eval::Run run = eval::Run::Parse(OpenText(path), &pool);
    evaluations.push_back(eval::Evaluate(run, qrels, measures, options, &pool));
    Remark(evaluations.back(), flags, globals);
  }
  return evaluations;
}

int RunEval(const EvalFlags& flags, const Globals& globals) {
  const eval::GainKind gain =
      flags.gain == "exp2" ? eval::GainKind::kExponential : eval::GainKind::kLinear;
  const eval::MeasureSet measures = eval::MeasureSet::Parse(flags.measures, gain);
  const std::vector<eval::Evaluation> evaluations = EvaluateAll(flags, measures, globals);
  if (flags.json) {
    OrderedJson out;
    out["qrels"] = flags.qrels;
    out["gain"] = flags.gain;
    out["runs"] = OrderedJson::array();
    for (const eval::Evaluation& evaluation : evaluations)
      out["runs"].push_back(EvaluationJson(evaluation, measures, flags.per_query));
    Print(Dump(out, 2) + "\n");
    return 0;
  }
  const Terminal terminal = Terminal::Of(STDOUT_FILENO);
  const bool several = evaluations.size() > 1;
  if (flags.table || (several && terminal.is_terminal && !flags.per_query)) {
    Print(EvaluationTable(evaluations, measures, terminal));
    return 0;
  }
  const std::vector<std::string> names = RunNames(evaluations);
  for (size_t i = 0; i < evaluations.size(); ++i) {
    Print(eval::FormatTrec(evaluations[i], measures,
                           {.per_query = flags.per_query,
                            .summary = !flags.no_summary,
                            .run = several ? std::string_view(names[i]) : std::string_view()}));
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
  command->add_flag("--table", flags->table,
                    "A table of the summaries, also when not on a terminal");
  command->add_flag("--json", flags->json, "Print JSON, at full precision");
  command->add_option("--threads", flags->threads, "Threads (0: all that this process may use)")
      ->check(CLI::NonNegativeNumber);
  command->callback(
      [flags, &globals] { globals.run = [flags, &globals] { return RunEval(*flags, globals); }; });
}

}  // namespace dear::app
