// dear generate: continues a text.
#include <memory>
#include <optional>

#include "base/error.h"
#include "command.h"
#include "generate/generator.h"
#include "interrupt.h"
#include "json_output.h"
#include "model_flags.h"
#include "standard_output.h"
#include "text/chat_format.h"

namespace dear::app {
namespace {

struct GenerateOptions {
  ModelFlags model;
  std::optional<std::string> text;
  bool chat = false;
  std::string system;
  std::string chat_format;
  int64_t max_new_tokens = 128;
  double temperature = 0;
  int64_t top_k = 0;
  double top_p = 1;
  uint64_t seed = 0;
  std::optional<double> repetition_penalty;
  std::vector<std::string> stop;
  bool json = false;
};

std::vector<TokenId> Prompt(const GenerateOptions& options, const Tokenizer& tokenizer) {
  if (!options.chat) return tokenizer.Encode(*options.text).ids;
  const auto format = options.chat_format.empty() ? RecognizeChatFormat(tokenizer)
                                                  : FindChatFormat(options.chat_format);
  std::vector<ChatMessage> messages;
  if (!options.system.empty()) messages.push_back({"system", options.system});
  messages.push_back({"user", *options.text});
  return tokenizer.Encode(format->Render(messages, true), {.add_special_tokens = false}).ids;
}

int Generate(const GenerateOptions& options, bool quiet) {
  SayWhenInterrupted("the text was not finished");
  const LoadedModel loaded = LoadWithProgress(options.model, quiet);
  GenerateRequest request;
  request.prompt = Prompt(options, *loaded.tokenizer);
  request.adapter = loaded.FindAdapter(options.model.use);
  request.max_new_tokens = options.max_new_tokens;
  request.sampling = {.temperature = options.temperature,
                      .top_k = options.top_k,
                      .top_p = options.top_p,
                      .seed = options.seed,
                      .repetition_penalty = options.repetition_penalty.value_or(
                          loaded.checkpoint.generation.repetition_penalty.value_or(1))};
  request.stop_strings = options.stop;
  if (!options.json) {
    request.on_text = [](std::string_view piece) {
      Print(piece);
      FlushPrint();
    };
  }
  const Generated generated = dear::Generate(loaded.model, loaded.pool, loaded.tokenizer,
                                             {&request, 1}, InterruptFunction())
                                  .front();
  if (!options.json) {
    Print("\n");
    return 0;
  }
  OrderedJson out;
  out["model"] = options.model.model;
  if (options.model.compute != "reference") out["compute"] = options.model.compute;
  out["text"] = generated.text;
  out["ids"] = generated.ids;
  out["prompt_ids"] = request.prompt;
  out["stop"] = StopReasonName(generated.reason);
  out["usage"] = {{"prompt_tokens", request.prompt.size()},
                  {"completion_tokens", generated.ids.size()},
                  {"forward_passes", generated.forward_passes}};
  out["seconds"] = {{"load", RoundSeconds(loaded.seconds)},
                    {"prefill", RoundSeconds(generated.prefill_seconds)},
                    {"decode", RoundSeconds(generated.decode_seconds)}};
  Print(Dump(out, 2) + "\n");
  return 0;
}

}  // namespace

void AddGenerate(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<GenerateOptions>();
  CLI::App* command =
      AddCommand(app, globals, "generate", "Continues a text, greedily unless told otherwise",
                 "  dear generate --text \"The light bulb was invented\" --max-new-tokens 40\n"
                 "  dear generate --chat --text \"What is a light bulb?\"\n"
                 "  dear generate --text \"Once\" --temperature 0.7 --top-p 0.9 --seed 3 --json");
  options->model.Declare(*command);
  command->add_option("--text", options->text, "The text to continue; special tokens are added")
      ->required();
  command->add_flag("--chat", options->chat,
                    "The text is a user's turn; put it in the model's chat form");
  command->add_option("--system", options->system, "With --chat: the system's turn");
  command->add_option("--chat-format", options->chat_format,
                      "With --chat: the form by name (default: the model's own)");
  command->add_option("--max-new-tokens", options->max_new_tokens, "Longest answer")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--temperature", options->temperature, "Above 0: sample")
      ->capture_default_str();
  command
      ->add_option("--top-k", options->top_k,
                   "Of sampling: this many of the likeliest tokens; 0 is all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--top-p", options->top_p, "Of sampling: the likeliest tokens of this share")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "The same seed gives the same text")
      ->capture_default_str();
  command->add_option("--repetition-penalty", options->repetition_penalty,
                      "As in transformers (default: generation_config.json's, else 1)");
  command
      ->add_option("--stop", options->stop,
                   "End where this text appears; may be given several times")
      ->allow_extra_args(false);
  command->add_flag("--json", options->json, "Print one JSON object with text, ids and timings");
  command->callback([options, &globals] {
    globals.run = [options, &globals] { return Generate(*options, globals.quiet); };
  });
}

}  // namespace dear::app
