#include "eval_flags.h"

#include "base/error.h"
#include "eval/measure_set.h"
#include "model_flags.h"

namespace dear::app {
namespace {

// What is wrong with a measure's name, for the command line; empty where nothing is.
std::string MeasureProblem(const std::string& name) {
  try {
    (void)eval::MeasureSet::Parse(std::vector<std::string>{name}, eval::GainKind::kLinear);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

bool IsMarkdown(const std::string& path) {
  return path.ends_with(".md") || path.ends_with(".markdown");
}

std::string EvalExamples() {
  return "  dear eval qrels.txt run.txt                               TREC's official measures\n"
         "  dear eval qrels.txt run.txt -m ndcg_cut.10 -m map -c      two measures, every judged "
         "query counts\n"
         "  dear eval qrels.txt run.txt -m all_trec -q                everything, query by query\n"
         "  dear eval qrels.txt bm25.txt reranked.jsonl --table       two runs side by side\n"
         "  dear eval qrels/test.tsv run.txt.gz -m P.1,5,10 --json    BEIR's qrels, gzip, JSON\n"
         "  dear eval qrels.txt reranked.txt --compare bm25.txt       is it better, and by "
         "chance?\n"
         "  dear eval qrels.txt *.run --compare bm25.run --report r.html    one page for readers\n"
         "  dear eval --model M --jobs jobs.jsonl --qrels qrels.txt --compare jobs.jsonl    "
         "rerank, then "
         "evaluate\n"
         "  dear eval --model M --run bm25.run --corpus beir/scifact --qrels "
         "beir/scifact/qrels/test.tsv\n"
         "  dear eval --published dl19 --data FOLDER mine.run         beside the published table\n"
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

void EvalFlags::Declare(CLI::App& command) {
  command.add_option(
      "files", files,
      "QRELS RUN...: judgements (TREC or BEIR TSV), then rankings (TREC, JSON lines, "
      "RankLLM)");
  command.add_option("--qrels", qrels, "The judgements; all files named are runs then")
      ->type_name("QRELS");
  command
      .add_option("-m,--measure", measures,
                  "A measure or a group of them, with .parameters; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME")
      ->check([](const std::string& name) { return MeasureProblem(name); });
  command.add_flag("-q,--per-query,--query_eval_wanted", per_query,
                   "Print every query before the summary");
  command.add_flag("-c,--complete,--complete_rel_info_wanted", complete,
                   "Average over all judged queries: one that the run lacks counts as 0");
  command.add_flag("-n,--no-summary,--nosummary", no_summary, "Print no summary");
  command
      .add_option("-l,--level,--level_for_rel", level,
                  "The lowest relevance that counts as relevant (not for ndcg and G)")
      ->capture_default_str();
  command.add_flag("-J,--judged-only,--Judged_docs_only", judged_only,
                   "Take documents without a judgement out of the rankings first");
  command
      .add_option("-M,--max-documents,--Max_retrieved_per_topic", max_documents,
                  "Look at the first N documents of a query only")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  command
      .add_option("-N,--collection-size,--Number_docs_in_coll", collection_size,
                  "Documents in the collection (for utility)")
      ->type_name("N");
  command.add_option("--gain", gain, "Gain of a relevance level: linear, or exp2 (2^l - 1)")
      ->check(CLI::IsMember({"linear", "exp2"}))
      ->capture_default_str();
  command
      .add_option("--compare", base,
                  "Compare the runs with this one: paired t-test, Wilcoxon, randomisation")
      ->type_name("BASE");
  command
      .add_option("--permutations", permutations, "Sign patterns drawn by the randomisation test")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000000}))
      ->capture_default_str();
  command.add_option("--seed", seed, "Seed of the randomisation test")->capture_default_str();
  command
      .add_option("--report", report,
                  "Write a page with tables and plots: .html, or .md for a terminal")
      ->type_name("OUT")
      ->check([](const std::string& path) {
        const bool known = IsMarkdown(path) || path.ends_with(".html") || path.ends_with(".htm");
        return known ? std::string() : "--report needs a name that ends in .html or .md";
      });
  command.add_flag("--table", table, "A table of the summaries, also when not on a terminal");
  command.add_flag("--json", json, "Print JSON, at full precision");
  command.add_option("--threads", threads, "Threads (0: all that this process may use)")
      ->check(CLI::NonNegativeNumber);
  command
      .add_option("--model", model,
                  "Rerank --jobs or --run with this model first, and evaluate that")
      ->envname("DEAR_EVAL_MODEL");  // DEAR_MODEL is for commands that always need one
  command.add_option("--jobs", jobs, "What to rerank (RankLLM's or RankGPT's requests)")
      ->envname("DEAR_EVAL_JOBS");
  command.add_option("--run", run, "In place of --jobs: a TREC run, with --topics and --corpus")
      ->envname("DEAR_EVAL_RUN");
  command.add_option("--topics", topics, "The queries of --run, as for dear rerank")
      ->envname("DEAR_EVAL_TOPICS");
  command.add_option("--corpus", corpus, "The passages of --run, as for dear rerank")
      ->envname("DEAR_EVAL_CORPUS");
  command.add_option("--rerank", rerank, "With --model: more flags of dear rerank, in one string")
      ->type_name("FLAGS");
  DeclarePrefixCache(command, prefix_cache);
  command
      .add_option("--ranked", ranked,
                  "With --model: keep the rankings here, and go on with what is there")
      ->type_name("OUT");
  command
      .add_option("--published", published,
                  "A published table beside the runs: dl19, dl20, beir, noveleval, or a .yaml file")
      ->type_name("TABLE");
  command.add_option("--data", data, "With --published: the folder that holds the sets' files")
      ->capture_default_str();
}

std::vector<std::string> EvalFlags::RerankInput() const {
  std::vector<std::string> out;
  const auto add = [&out](const char* flag, const std::string& value) {
    if (!value.empty()) out.insert(out.end(), {flag, value});
  };
  add("--jobs", jobs);
  add("--run", run);
  add("--topics", topics);
  add("--corpus", corpus);
  return out;
}

void EvalFlags::Settle() {
  const auto fail = [](const std::string& what) { throw CLI::ValidationError(what); };
  if (!published.empty()) {
    if (!qrels.empty() || !base.empty() || !report.empty() || !RerankInput().empty())
      fail(
          "--published brings its own qrels, jobs and measures; it takes no --qrels, --jobs, "
          "--run, --compare or --report");
    if (!model.empty() && !files.empty()) fail("give --published runs, or a --model to make them");
    return;
  }
  if (qrels.empty()) {
    if (files.empty()) fail("give QRELS and a RUN");
    qrels = files.front();
    files.erase(files.begin());
  }
  if (!jobs.empty() && !run.empty()) fail("--jobs and --run exclude each other");
  if (model.empty() != RerankInput().empty()) fail("--model and --jobs (or --run) belong together");
  if (files.empty() && model.empty()) fail("give a RUN to evaluate");
}

}  // namespace dear::app
