// dear label: a teacher, which is any reranker, makes training data.
#include <limits>
#include <memory>
#include <string>

#include "base/error.h"
#include "command.h"
#include "interrupt.h"
#include "json_output.h"
#include "label_options.h"
#include "label_run.h"
#include "own_files.h"
#include "standard_output.h"

namespace dear::app {
namespace {

std::unique_ptr<LabelRows> OpenRows(const LabelOptions& options) {
  if (!options.rows.empty()) return OpenLabelRows(options.rows);
  return OpenLabelRun(
      {.run = options.rank.run, .topics = options.rank.topics, .corpus = options.rank.corpus});
}

// What decides the rows that are written, as far as it is known before a model is loaded.
JobSettings KnownSettings(const LabelOptions& options, const LabelRows& rows) {
  JobSettings settings = options.rank.given;
  for (const char* name : {"limit", "json"}) settings.erase(name);
  settings["model"] = options.rank.model.model;
  settings["rows sha256"] = rows.Fingerprint();
  return settings;
}

OrderedJson ReportJson(const LabelReport& report, const LabelRun& run,
                       const LabelOptions& options) {
  OrderedJson json = {{"output", options.rank.out},
                      {"form", LabelFormName(run.form())},
                      {"rows_before", report.before},
                      {"rows", report.rows},
                      {"written", report.written},
                      {"repaired", report.repaired},
                      {"dropped", report.dropped},
                      {"prompt_tokens", report.usage.prompt_tokens},
                      {"cached_tokens", report.usage.cached_tokens},
                      {"completion_tokens", report.usage.completion_tokens},
                      {"seconds", RoundSeconds(report.seconds)}};
  if (run.prompts() != nullptr) {
    json["recipe"] = run.prompts()->recipe().name;
    json["template"] = run.prompts()->TemplateName();
  }
  return json;
}

void SayReport(const LabelReport& report, const LabelRun& run, const LabelOptions& options,
               bool quiet) {
  if (report.rows == 0 && report.before > 0) {
    Note(quiet, "dear: nothing was left to do: " + options.rank.out + " goes to row " +
                    std::to_string(report.before));
    return;
  }
  std::string line = "dear: " + std::to_string(report.rows) +
                     " rows: " + std::to_string(report.written) + " written to " + options.rank.out;
  if (report.repaired > 0) line += " (" + std::to_string(report.repaired) + " repaired)";
  line += ", " + std::to_string(report.num_dropped()) + " dropped";
  std::string reasons;
  for (const auto& [reason, count] : report.dropped)
    reasons += (reasons.empty() ? "" : ", ") + std::to_string(count) + " " + reason;
  Note(quiet, line + (reasons.empty() ? "" : " (" + reasons + ")"));
  for (const std::string& more : report.job.Lines(report.seconds)) Note(quiet, "dear: " + more);
  if (run.prompts() == nullptr || report.written == 0) return;
  const LabelPrompts& prompts = *run.prompts();
  Note(quiet, "dear: trained with stage: sft, template: " + prompts.TemplateName() +
                  (prompts.has_history() ? ", mask_history: true" : "") +
                  " a model sees the prompts by which --recipe " + prompts.recipe().name +
                  " ranks");
}

// Before anything is opened for writing.
void RequireOwnOutputs(const LabelOptions& options) {
  std::vector<NamedFile> inputs = {{"the rows", options.rows}};
  if (!options.rank.run.empty()) {
    inputs = InputsOfRun(
        {.run = options.rank.run, .topics = options.rank.topics, .corpus = options.rank.corpus});
  }
  RequireOwnFiles(inputs, {{"-o", options.rank.out}});
}

int Label(const LabelOptions& options, bool quiet) {
  RequireOwnOutputs(options);
  RefuseExisting(options.rank.out, options.rank.OnExisting());
  SayWhenInterrupted("no row was labelled");
  const std::unique_ptr<LabelRows> rows = OpenRows(options);
  const LabelOutline outline = rows->Check(options.limit, InterruptFunction());
  for (const std::string& note : outline.notes) Note(quiet, "dear: note: " + note);
  const JobSettings settings = KnownSettings(options, *rows);
  if (options.rank.OnExisting() == ExistingFile::kResume) {
    std::set<std::string> later = SettingsOfLoadedModels();
    later.insert({"form", "prompt-recipe"});
    RequireSameJob(options.rank.out, settings, later);
  }
  Rerankers rerankers(options.rank, quiet);
  LabelRun run(options, quiet, rerankers, settings, outline);
  if (outline.positives_first && !options.shuffle && run.form() != LabelForm::kScores) {
    Note(quiet,
         "dear: note: the relevant passages stand first in the rows, and so in what is asked; "
         "--shuffle SEED mixes them");
  }
  const LabelReport report = run.Label(*rows);
  SayReport(report, run, options, quiet);
  if (options.json) Print(Dump(ReportJson(report, run, options)) + "\n");
  if (report.written > 0 || report.before > 0) return 0;
  throw Error(ErrorCode::kInvalidArgument, options.rank.out,
              "not one of " + std::to_string(report.rows) + " rows could be labelled");
}

void CheckUsage(const LabelOptions& options) {
  const auto fail = [](const std::string& what) { throw CLI::ValidationError(what); };
  const RerankOptions& rank = options.rank;
  if (options.rows.empty() == rank.run.empty())
    fail("give a file of rows, or a TREC run with --run: one of the two");
  rank.CheckRunUsage();
  rank.rank.CheckUsage();
  if (rank.resume && rank.overwrite) fail("--resume and --overwrite exclude each other");
  const bool needs_prompts = !options.prompt_recipe.empty() || !options.prompt_tokenizer.empty();
  if (needs_prompts && options.form != "sft")
    fail("--prompt-recipe and --prompt-tokenizer belong to --form sft");
}

void DeclareRows(CLI::App& command, LabelOptions& options) {
  command.add_option("rows", options.rows,
                     "A file of rows, also gzipped: queries with positives and negatives or with "
                     "labelled lists, as `dear train` reads them (stage: pointwise); RankLLM's or "
                     "RankGPT's requests");
  command.add_option("--run", options.rank.run,
                     "In place of the file: a TREC run, with --topics and --corpus");
  command.add_option(
      "--topics", options.rank.topics,
      "The run's queries (default: queries.jsonl in the folder that --corpus names)");
  command.add_option("--corpus", options.rank.corpus, "The run's passages, or BEIR's folder");
  command.add_option("--limit", options.limit, "Label the first N rows only")
      ->check(CLI::Range(int64_t{1}, std::numeric_limits<int64_t>::max()));
}

void DeclareOutput(CLI::App& command, LabelOptions& options) {
  command.add_option("-o,--output", options.rank.out, "Write the labelled rows here, one a line")
      ->required();
  command
      .add_option("--form", options.form,
                  "scores (for pointwise training), order (the same, by losses that take an "
                  "order), sft (prompts and answers for listwise training); default: scores, or "
                  "order where the teacher is listwise")
      ->check(CLI::IsMember({"scores", "order", "sft"}));
  command.add_option(
      "--prompt-recipe", options.prompt_recipe,
      "Of sft: the listwise recipe whose prompts and answers are written (default: " +
          std::string(kDefaultPromptRecipe) + ")");
  command.add_option("--prompt-tokenizer", options.prompt_tokenizer,
                     "Of sft: the model that will be trained, for recipes that cut passages by "
                     "tokens (default: the teacher)");
  command.add_option("--shuffle", options.shuffle,
                     "Show the passages of each row in an order drawn by this seed, to the teacher "
                     "and in prompts, so that places tell nothing");
  command.add_flag("--keep-repaired", options.keep_repaired,
                   "Keep what a listwise teacher wrote that is no permutation, repaired; else the "
                   "row is dropped and counted");
  command.add_flag("--resume", options.rank.resume, "Go on behind the rows that OUT holds already");
  command.add_flag("--overwrite", options.rank.overwrite, "Replace an existing output file");
  command.add_flag("--json", options.json, "Print what was done as JSON");
}

}  // namespace

void AddLabel(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<LabelOptions>();
  CLI::App* command = AddCommand(
      app, globals, "label", "Makes training data from what a reranker, the teacher, says of rows",
      "  dear label -m path/to/pointwise-adapter pairs.jsonl -o scored.jsonl\n"
      "  dear label -m path/to/listwise-adapter requests.jsonl -o ordered.jsonl --shuffle 1\n"
      "  dear label -m model.gguf --form sft --prompt-recipe rank-zephyr rows.jsonl -o sft.jsonl\n"
      "  dear label -m model.gguf --run bm25.run --corpus beir/scifact -o scored.jsonl --resume\n"
      "docs/training.md says what the rows look like. `dear train` reads what is written.");
  options->rank.model.Declare(*command);
  DeclareRows(*command, *options);
  DeclareOutput(*command, *options);
  options->rank.rank.Declare(*command);
  DeclarePrefixCache(*command, options->rank.model.prefix_cache);
  // A teacher speaks of every passage, and of nothing else.
  for (const char* name : {"--depth", "--settle", "--trace"})
    command->remove_option(command->get_option(name));
  command->get_option("--reasoning")
      ->description("Let the model reason before it ranks; sft keeps what it wrote");
  command->callback([options, command, &globals] {
    CheckUsage(*options);
    options->rank.given = GivenSettings(*command);
    globals.run = [options, &globals] { return Label(*options, globals.quiet); };
  });
}

}  // namespace dear::app
