#include "model_flags.h"

#include "base/error.h"
#include "progress_bar.h"
#include "standard_output.h"

namespace dear::app {

void DeclareModelName(CLI::App& command, std::string& model) {
  command
      .add_option(
          "-m,--model", model,
          "A folder (base model or PEFT adapter), a .gguf file, a hub id in the cache, or a "
          "shipped model's name (dear list)")
      ->capture_default_str();
}

void DeclarePrefixCache(CLI::App& command, std::optional<uint64_t>& bytes) {
  command
      .add_option("--prefix-cache", bytes,
                  "Memory for what prompts begin with, kept for later ones: bytes, or as 256MiB, "
                  "2GiB; 0 keeps nothing. Results are the same, to the bit")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/true))
      // Comes before the one above, which would take -1 for a very large number.
      ->transform(CLI::Validator(
          [](std::string& text) {
            return text.starts_with('-') ? "'" + text + "' is no size" : std::string();
          },
          ""))
      ->type_name("SIZE");
}

void ModelFlags::Declare(CLI::App& command) {
  DeclareModelName(command, model);
  command.add_option("--base", base, "The base model of the adapter given by -m");
  command
      .add_option("--adapter", adapters,
                  "An adapter to put on the model, [NAME=]PATH; may be given several times")
      ->allow_extra_args(false);
  command.add_option("--use", use,
                     "Which adapter to use, by name; 'base' is none of them (default: the first)");
  command
      .add_option(
          "--dtype", dtype,
          "The form in which weights are held: auto (as in the file), f32, bf16, int8, nf4, "
          "fp4, q8, q4")
      ->check(CLI::IsMember({"auto", "f32", "bf16", "int8", "nf4", "fp4", "q8", "q4"}))
      ->capture_default_str();
  command.add_flag("--double-quant", double_quant, "With nf4 and fp4: quantise the scales too");
  command
      .add_option(
          "--compute", compute,
          "reference: f32 sums in a fixed order, as transformers to rounding; fast: weights "
          "and activations rounded to bf16; int8: weights as 4-bit or 8-bit codes, activations "
          "rounded to int8. Results name fast and int8")
      ->check(CLI::IsMember({"reference", "fast", "int8"}))
      ->capture_default_str();
  command
      .add_option(
          "--packed-cache", packed_cache,
          "How much fast and int8 compute may keep of packed weights in the user's cache, so "
          "that the next start maps them: a size such as 20GiB; those used longest ago go "
          "first. off or 0: nothing is kept or looked for")
      ->check([](const std::string& text) {
        try {
          ParseCacheLimit(text, "packed-cache");
          return std::string();
        } catch (const Error& error) {
          return error.message();
        }
      })
      ->capture_default_str();
  verbose = command.get_option_no_throw("--verbose");
  command.add_option("--threads", threads, "Threads (default: all that the process may use)")
      ->check(CLI::Range(1, 4096));
  command.add_option("--device", device, "Where to compute")
      ->check(CLI::IsMember({"cpu"}))
      ->capture_default_str();
}

LoadRequest ModelFlags::Request(bool quiet) const {
  LoadRequest request;
  request.model = model;
  request.base = base;
  for (const std::string& adapter : adapters)
    request.adapters.push_back(ParseNamedAdapter(adapter));
  request.options.weights = {.form = ParseWeightForm(dtype), .double_quant = double_quant};
  for (const Compute each : {Compute::kReference, Compute::kFast, Compute::kInt8}) {
    if (compute == ComputeName(each)) request.options.compute = each;
  }
  request.threads = threads;
  request.prefix_cache_bytes = prefix_cache.value_or(kDefaultPrefixCache);
  const auto note = [quiet](const std::string& what) { Note(quiet, "dear: note: " + what); };
  request.packed.limit = ParseCacheLimit(packed_cache, "packed-cache");
  request.packed.warn = note;
  if (verbose != nullptr && verbose->count() > 0) request.packed.tell = note;
  return request;
}

LoadedModel LoadWithProgress(const ModelFlags& flags, bool quiet, bool needs_tokenizer) {
  ProgressBar bar(quiet);
  LoadRequest request = flags.Request(quiet);
  request.needs_tokenizer = needs_tokenizer;
  request.options.progress = bar.Function();
  LoadedModel loaded = Load(request);
  bar.Clear();
  if (flags.compute != "reference") Note(quiet, "dear: note: computing " + flags.compute);
  return loaded;
}

}  // namespace dear::app
