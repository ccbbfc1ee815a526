// dear merge and dear quantize: a model written anew.
#include <memory>

#include "api/write_model.h"
#include "base/error.h"
#include "command.h"
#include "interrupt.h"
#include "model_flags.h"
#include "progress_bar.h"
#include "standard_output.h"

namespace dear::app {
namespace {

struct WriteOptions {
  std::string model;
  std::string base;
  std::vector<std::string> adapters;
  std::string out;
  std::string form = "f32";
  bool double_quant = false;
  bool overwrite = false;
  int threads = 0;
};

int Write(const WriteOptions& options, bool merges, bool quiet) {
  WriteModelOptions how{
      .form = options.form, .double_quant = options.double_quant, .overwrite = options.overwrite};
  CheckWriteModel(options.out, how);
  SayWhenInterrupted(options.out + " was not written");
  ModelFlags flags;
  flags.model = options.model;
  flags.base = options.base;
  flags.adapters = options.adapters;
  flags.threads = options.threads;
  const LoadedModel loaded = LoadWithProgress(flags, quiet, /*needs_tokenizer=*/false);
  if (merges && loaded.adapters.empty())
    throw Error(ErrorCode::kInvalidArgument, options.model,
                "is no adapter; there is nothing to merge");
  if (merges && loaded.adapters.size() > 1)
    throw Error(ErrorCode::kInvalidArgument, "adapters", "several at once cannot be merged");
  if (!merges && !loaded.adapters.empty())
    throw Error(ErrorCode::kInvalidArgument, options.model,
                "is an adapter; merge it into its base first");
  ProgressBar bar(quiet);
  how.progress = bar.Function();
  how.cancel = InterruptFunction();
  WriteModel(loaded, merges ? loaded.adapters.front().get() : nullptr, options.out, how);
  bar.Clear();
  Note(quiet, "dear: wrote " + options.out);
  return 0;
}

void DeclareOutput(CLI::App& command, WriteOptions& options) {
  command.add_option("out", options.out, "The folder, or the .gguf file, to write")->required();
  command.add_flag("--overwrite", options.overwrite,
                   "Replace what is there, when the new model is complete");
  command.add_option("--threads", options.threads, "Threads (default: all)")
      ->check(CLI::Range(1, 4096));
}

}  // namespace

void AddMerge(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<WriteOptions>();
  CLI::App* command = AddCommand(
      app, globals, "merge", "Adds an adapter to its base and writes the whole model",
      "  dear merge -m path/to/adapter merged-model\n"
      "  dear merge -m path/to/adapter --base org/name merged.gguf --to bf16\n"
      "  dear merge -m org/name --adapter path/to/adapter merged-model\n"
      "In f32, the default, the merged model gives the tokens of the base with its adapter.");
  command->add_option("-m,--model", options->model, "The adapter, or a base with --adapter")
      ->required();
  command->add_option("--base", options->base, "The adapter's base (default: as the adapter says)");
  command->add_option("--adapter", options->adapters, "The adapter, where -m is a base")
      ->allow_extra_args(false);
  command
      ->add_option(
          "--to", options->form,
          "Form of the weights: f32, bf16, f16; in a .gguf file also q8_0, q5_1, q5_0, q4_1, q4_0")
      ->check(CLI::IsMember({"f32", "bf16", "f16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"}))
      ->capture_default_str();
  DeclareOutput(*command, *options);
  command->callback([options, &globals] {
    globals.run = [options, &globals] { return Write(*options, true, globals.quiet); };
  });
}

void AddQuantize(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<WriteOptions>();
  options->model = kDefaultModel;
  options->form.clear();
  CLI::App* command = AddCommand(
      app, globals, "quantize", "Writes a model with its weights in another form",
      "  dear quantize -m org/name --to nf4 --double-quant model-nf4      as bitsandbytes does\n"
      "  dear quantize -m org/name --to q4_0 model.gguf\n"
      "  dear quantize -m model.gguf --to bf16 model-folder");
  DeclareModelName(*command, options->model);
  command
      ->add_option(
          "--to", options->form,
          "nf4, fp4, int8 (a folder, as bitsandbytes writes it); q8_0, q5_1, q5_0, q4_1, q4_0 "
          "(a .gguf file); f32, bf16, f16 (either)")
      ->check(CLI::IsMember(
          {"nf4", "fp4", "int8", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "f32", "bf16", "f16"}))
      ->required();
  command->add_flag("--double-quant", options->double_quant,
                    "With nf4 and fp4: quantise the scales too");
  DeclareOutput(*command, *options);
  command->callback([options, &globals] {
    globals.run = [options, &globals] { return Write(*options, false, globals.quiet); };
  });
}

}  // namespace dear::app
