// dear mine: hard negatives for training rows, or a first-stage run, by BM25.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "command.h"
#include "job_settings.h"
#include "json_output.h"
#include "mine_options.h"
#include "mine_run.h"
#include "standard_output.h"
#include "terminal.h"

namespace dear::app {
namespace {

std::string Seconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", seconds);
  return text;
}

void SayReport(const MineReport& report, const MineOptions& options, bool quiet) {
  const bool is_run = !options.run.empty();
  Note(quiet, "dear: " + std::to_string(report.passages) +
                  " passages indexed: " + std::to_string(report.terms) + " terms, " +
                  HumanBytes(report.index_bytes) + ", in " + Seconds(report.index_seconds));
  std::string line = "dear: " + std::to_string(report.rows) + (is_run ? " topics" : " rows");
  if (report.before > 0) line += " (" + std::to_string(report.before) + " were there)";
  Note(quiet, line + " written to " + options.output() + " in " + Seconds(report.seconds));
  if (report.fewer == 0) return;
  Note(quiet, "dear: " + std::to_string(report.fewer) +
                  (is_run ? std::string(" topics found no passage")
                          : " rows got fewer than " + std::to_string(options.mining.negatives) +
                                " negatives" +
                                (options.mining.fill_random
                                     ? ""
                                     : "; a greater --depth or --fill-random gives more")));
}

OrderedJson ReportJson(const MineReport& report, const MineOptions& options) {
  OrderedJson json = {{"output", options.output()},
                      {"rows", report.rows},
                      {"before", report.before},
                      {"fewer", report.fewer},
                      {"dropped", report.dropped},
                      {"passages", report.passages},
                      {"terms", report.terms},
                      {"postings", report.postings},
                      {"index_bytes", report.index_bytes},
                      {"index_seconds", RoundSeconds(report.index_seconds)},
                      {"seconds", RoundSeconds(report.seconds)}};
  return json;
}

int Mine(const MineOptions& options, bool quiet) {
  const MineReport report = MineRun(options, quiet).Run();
  SayReport(report, options, quiet);
  if (options.json) Print(Dump(ReportJson(report, options)) + "\n");
  return 0;
}

void CheckUsage(const MineOptions& options, const CLI::App& command) {
  const auto fail = [](const std::string& what) { throw CLI::ValidationError(what); };
  if (options.pairs.empty() == options.run.empty())
    fail("give a file of pairs, or the run to write with --run: one of the two");
  if (options.resume && options.overwrite) fail("--resume and --overwrite exclude each other");
  if (options.run.empty()) {
    if (options.out.empty()) fail("-o is missing: where the rows with negatives go");
    if (!options.topics.empty()) fail("--topics belongs to --run");
    return;
  }
  for (const char* name : {"--output", "--negatives", "--skip", "--seed", "--sample",
                           "--same-topic", "--fill-random"}) {
    if (command.get_option(name)->count() > 0)
      fail(std::string(name) + " belongs to pairs and not to --run");
  }
  if (options.corpus.empty()) fail("--run needs --corpus, in which is searched");
  std::error_code error;
  if (options.topics.empty() && !std::filesystem::is_directory(options.corpus, error))
    fail("--run needs --topics, where its queries stand, unless --corpus is BEIR's folder");
}

void DeclareFiles(CLI::App& command, MineOptions& options) {
  command.add_option("pairs", options.pairs,
                     "Training rows with a query and positives, .jsonl or .json, in any form that "
                     "`dear train` reads (stage: pointwise)");
  command.add_option("-o,--output", options.out, "Write the rows with their negatives here");
  command.add_option("--corpus", options.corpus,
                     "Passages to take negatives from: TSV (id, tab, text), JSON lines, or BEIR's "
                     "folder (default: the positives of all pairs)");
  command.add_option("--run", options.run,
                     "In place of pairs: write a TREC run of what is found for --topics");
  command.add_option("--topics", options.topics,
                     "Of --run: TSV (id, tab, text), JSON lines, or TREC's <top> form (default: "
                     "queries.jsonl in the folder that --corpus names)");
  command.add_flag("--resume", options.resume, "Go on behind the rows that the output holds");
  command.add_flag("--overwrite", options.overwrite, "Replace an existing output file");
}

void DeclareSearch(CLI::App& command, MineOptions& options) {
  HardNegativeOptions& mining = options.mining;
  const CLI::Range positive(1, 1000000000);
  command.add_option("-n,--negatives", mining.negatives, "Negatives to add to a row")
      ->check(positive)
      ->capture_default_str();
  command
      .add_option("--depth", mining.depth,
                  "Take them from the first D passages found; of --run: how many are written")
      ->check(positive)
      ->capture_default_str();
  command
      .add_option("--skip", mining.skip,
                  "Leave out the first K passages found, which may be relevant, too")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_flag("--sample", mining.sample, "Draw the negatives from these, not the first ones");
  command.add_flag("--same-topic", mining.same_topic,
                   "Only positives of rows with the same `topic`");
  command.add_flag("--fill-random", mining.fill_random,
                   "Where fewer are found, draw the rest from all passages");
  command.add_option("--seed", mining.seed, "Of what is drawn")->capture_default_str();
  command.add_option("--k1", mining.bm25.k1, "BM25: how soon more of a term adds little")
      ->capture_default_str();
  command.add_option("--b", mining.bm25.b, "BM25: how much long passages lose, 0 to 1")
      ->capture_default_str();
  command
      .add_option("--threads", options.threads, "Threads (default: all cores); changes no result")
      ->check(CLI::Range(1, 1024));
  command.add_flag("--json", options.json, "Print what was done as JSON");
}

}  // namespace

void AddMine(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<MineOptions>();
  CLI::App* command = AddCommand(
      app, globals, "mine", "Finds hard negatives for training rows with BM25, or writes its run",
      "  dear mine pairs.jsonl -o rows.jsonl                        from the pairs' own passages\n"
      "  dear mine pairs.jsonl --corpus collection.tsv -o rows.jsonl --skip 5 --sample\n"
      "  dear mine pairs.jsonl -o rows.jsonl --same-topic -n 7 --fill-random\n"
      "  dear mine --run bm25.trec --topics queries.tsv --corpus collection.tsv --depth 1000\n"
      "  dear mine --run bm25.trec --corpus beir/scifact\n"
      "`dear train` reads the rows, `dear rerank --run` the run. Terms, ranks and scores are those "
      "of pyserini's defaults.");
  DeclareFiles(*command, *options);
  DeclareSearch(*command, *options);
  command->callback([options, command, &globals] {
    CheckUsage(*options, *command);
    options->given = GivenSettings(*command);
    globals.run = [options, &globals] { return Mine(*options, globals.quiet); };
  });
}

}  // namespace dear::app
