// dear train: an adapter trained from a YAML configuration.
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "api/training_run.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "command.h"
#include "interrupt.h"
#include "machine.h"
#include "progress_bar.h"
#include "standard_output.h"
#include "terminal.h"
#include "train/train_config.h"

namespace dear::app {
namespace {

constexpr size_t kMaxConfigBytes = size_t{1} << 20;

struct TrainOptions {
  std::string config;
  std::vector<std::string> overrides;
  bool dry_run = false;
  bool json = false;
};

std::string Format(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::string Duration(double seconds) {
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  char text[64];
  if (whole >= 3600) {
    std::snprintf(text, sizeof(text), "%lld h %02lld min", static_cast<long long>(whole / 3600),
                  static_cast<long long>(whole / 60 % 60));
  } else if (whole >= 60) {
    std::snprintf(text, sizeof(text), "%lld min %02lld s", static_cast<long long>(whole / 60),
                  static_cast<long long>(whole % 60));
  } else {
    return Format("%.1f s", seconds);
  }
  return text;
}

// 49152 as "49,152".
std::string Grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<int64_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

void NoteData(const TrainConfig& config, const TrainingPlan& plan, bool quiet) {
  for (const IgnoredKey& key : config.ignored) {
    Note(quiet, "dear: " + key.key + " changes nothing here: " + key.reason);
  }
  if (config.bf16 && config.compute == TrainCompute::kReference) {
    Note(quiet,
         "dear: bf16: computed in f32, which is more exact; compute: fast multiplies in bf16");
  }
  if (config.packing && !config.neat_packing) {
    Note(quiet, "dear: packing: the examples of a row do not see each other, as in neat_packing");
  }
  if (plan.dropped == 0) return;
  Note(quiet, "dear: " + Grouped(plan.dropped) + " rows cannot be used, the first of them:");
  for (const std::string& row : plan.first_dropped) Note(quiet, "dear:   " + row);
}

std::string RowsText(int64_t rows, int64_t packed) {
  return Grouped(rows) + (packed > 0 ? ", packed from " + Grouped(packed) + " examples" : "");
}

bool IsWhole(const TrainConfig& config) {
  return config.finetuning_type == FinetuningType::kFull;
}

std::string TrainedText(const TrainConfig& config) {
  if (IsWhole(config)) return ", all of the model";
  if (config.adapter_name_or_path.empty()) return " of a new adapter";
  return " of the adapter " + config.adapter_name_or_path;
}

std::vector<std::vector<std::string>> PlanRows(const TrainConfig& config,
                                               const TrainingPlan& plan) {
  const auto mib = [](uint64_t bytes) { return HumanBytes(bytes); };
  std::string steps = Grouped(plan.total_steps);
  if (plan.first_step > 0) steps += ", going on after " + Grouped(plan.first_step);
  std::vector<std::vector<std::string>> rows = {
      {"model", config.model_name_or_path},
      {"trained", Grouped(plan.trained_parameters) + " parameters" + TrainedText(config)},
      {"rows", RowsText(plan.items, plan.packed) +
                   (plan.eval_items > 0
                        ? ", and " + RowsText(plan.eval_items, plan.eval_packed) + " to evaluate on"
                        : "") +
                   (plan.eval_queries > 0 ? ", and " + Grouped(plan.eval_queries) +
                                                " queries to rank for " + config.eval_measure
                                          : "")},
      {"tokens", Grouped(plan.epoch_tokens) + " an epoch" +
                     (plan.epoch_trained_tokens > 0
                          ? ", " + Grouped(plan.epoch_trained_tokens) + " of them learned"
                          : std::string()) +
                     "; the longest row has " + Grouped(plan.longest_item)},
      {"steps", steps + ", each of " + std::to_string(config.gradient_accumulation_steps) + " x " +
                    std::to_string(config.per_device_train_batch_size) + " rows"},
      {"memory", mib(plan.weight_bytes) + " weights, " + mib(plan.adapter_bytes) +
                     (IsWhole(config) ? " trained" : " adapter") + " with its optimiser, up to " +
                     mib(plan.activation_bytes) + " activations (" +
                     std::to_string(plan.kept_layers) + " layers kept)"},
      {config.stage == TrainStage::kSft ? "template" : "recipe", plan.template_name},
      {"output", config.output_dir}};
  return rows;
}

Json PlanJson(const TrainConfig& config, const TrainingPlan& plan) {
  Json json = {{"model", config.model_name_or_path},
               {"output_dir", config.output_dir},
               {"items", plan.items},
               {"eval_items", plan.eval_items},
               {"packed", plan.packed},
               {"eval_packed", plan.eval_packed},
               {"eval_queries", plan.eval_queries},
               {"dropped", plan.dropped},
               {"first_dropped", plan.first_dropped},
               {"epoch_tokens", plan.epoch_tokens},
               {"epoch_trained_tokens", plan.epoch_trained_tokens},
               {"longest_item", plan.longest_item},
               {"total_steps", plan.total_steps},
               {"first_step", plan.first_step},
               {"trained_parameters", plan.trained_parameters},
               {"kept_layers", plan.kept_layers},
               {"weight_bytes", plan.weight_bytes},
               {"adapter_bytes", plan.adapter_bytes},
               {"activation_bytes", plan.activation_bytes},
               {"template", plan.template_name},
               {"ignored", Json::array()},
               {"examples", Json::array()}};
  for (const IgnoredKey& key : config.ignored) {
    json["ignored"].push_back({{"key", key.key}, {"reason", key.reason}});
  }
  for (const std::vector<ShownText>& example : plan.examples) {
    Json parts = Json::array();
    for (const ShownText& part : example) {
      parts.push_back({{"text", part.text}, {"trained", part.trained}});
    }
    json["examples"].push_back(std::move(parts));
  }
  return json;
}

// What is learned in green, or between marks where there is no colour.
void PrintExamples(const TrainingPlan& plan) {
  const Terminal terminal = Terminal::Of(STDOUT_FILENO);
  for (size_t i = 0; i < plan.examples.size(); ++i) {
    std::string title = "example " + std::to_string(i + 1);
    title += terminal.colour ? " (what is learned is green)" : " (what is learned stands in ⟦ ⟧)";
    Print("\n" + terminal.Styled("1", title) + "\n");
    for (const ShownText& part : plan.examples[i]) {
      if (!part.trained) {
        Print(terminal.Styled("2", part.text));
      } else {
        Print(terminal.colour ? terminal.Styled("32", part.text) : "⟦" + part.text + "⟧");
      }
    }
    Print("\n");
  }
}

// Draws the bar, and a line for each logged step.
class Reporter {
 public:
  explicit Reporter(bool quiet) : quiet_(quiet), bar_(quiet) {}

  TrainerEvents Events() {
    return {.on_step = [this](const TrainStepReport& step) { OnStep(step); },
            .on_eval = [this](const TrainEvalReport& eval) { OnEval(eval); },
            .on_checkpoint = [this](const std::filesystem::path& folder) { OnCheckpoint(folder); },
            .cancel = InterruptFunction()};
  }
  ProgressBar& bar() { return bar_; }

 private:
  void OnStep(const TrainStepReport& step) {
    if (begin_tokens_ < 0) {
      // The first step of this process tells where the counts began.
      begin_tokens_ = step.tokens;
      begin_seconds_ = step.seconds;
      begin_step_ = step.step;
    }
    const double seconds = step.seconds - begin_seconds_;
    const int64_t steps = step.step - begin_step_;
    const double left = steps == 0 ? step.seconds : seconds / static_cast<double>(steps);
    const double rate = steps == 0 ? static_cast<double>(step.tokens) / step.seconds
                                   : static_cast<double>(step.tokens - begin_tokens_) / seconds;
    const std::string figures =
        "loss " + Format("%.4f", step.mean_loss) + "  " + Format("%.0f", rate) + " tok/s  " +
        Duration(left * static_cast<double>(step.total_steps - step.step)) + " left";
    if (step.logs) {
      bar_.Clear();
      Note(quiet_, "dear: step " + std::to_string(step.step) + "/" +
                       std::to_string(step.total_steps) + "  epoch " + Format("%.2f", step.epoch) +
                       "  " + figures + "  lr " + Format("%.3g", step.learning_rate) +
                       "  grad_norm " + Format("%.3g", step.grad_norm));
    }
    bar_.Show("training  " + figures, step.step, step.total_steps);
    done_ = "step " + std::to_string(step.step) + " of " + std::to_string(step.total_steps) +
            " is done";
    SayHowToGoOn();
  }

  void OnEval(const TrainEvalReport& eval) {
    bar_.Clear();
    std::string line = "dear: step " + std::to_string(eval.step);
    if (eval.loss) line += "  eval_loss " + Format("%.4f", *eval.loss);
    for (const auto& [name, value] : eval.measures)
      line += "  " + name + " " + Format("%.4f", value);
    Note(quiet_, line + (eval.is_best ? "  (the best so far)" : ""));
  }

  void OnCheckpoint(const std::filesystem::path& folder) {
    saved_ = folder.string();
    bar_.Clear();
    Note(quiet_, "dear: wrote " + saved_);
    SayHowToGoOn();
  }

  void SayHowToGoOn() const {
    SayWhenInterrupted(
        done_ + (saved_.empty() ? "" : "; resume_from_checkpoint=true goes on from " + saved_));
  }

  bool quiet_;
  ProgressBar bar_;
  std::string done_;
  std::string saved_;
  int64_t begin_tokens_ = -1;
  double begin_seconds_ = 0;
  int64_t begin_step_ = 0;
};

// A line about the best evaluation; empty where there was none.
std::string BestText(const TrainConfig& config, const TrainResult& result) {
  if (!result.best.value) return "";
  return (result.stopped_early ? "stopped early: " : "") + config.BestFigure() +
         " was best at step " + Grouped(result.best.step) + ", " +
         Format("%.4f", *result.best.value) +
         (config.load_best_model_at_end ? ", and that is the result\n" : "; that is in best/\n");
}

int Train(const TrainOptions& options, bool quiet) {
  const TrainConfig config = ParseTrainConfig(ReadFile(options.config, kMaxConfigBytes),
                                              options.overrides, options.config);
  Reporter reporter(quiet);
  TrainingRun run(config, reporter.bar().Function());
  reporter.bar().Clear();
  NoteData(config, run.plan(), quiet);
  if (options.dry_run) {
    const double seconds = run.EstimateSeconds();
    if (options.json) {
      Json plan = PlanJson(config, run.plan());
      plan["estimated_seconds"] = seconds;
      Print(plan.dump(2) + "\n");
    } else {
      std::vector<std::vector<std::string>> rows = PlanRows(config, run.plan());
      rows.push_back({"time", "about " + Duration(seconds) + " on this machine"});
      Print(Columns(rows));
      PrintExamples(run.plan());
    }
    return 0;
  }
  for (const std::vector<std::string>& row : PlanRows(config, run.plan())) {
    Note(quiet, "dear: " + PadRight(row[0], 9) + row[1]);
  }
  SayWhenInterrupted("no step was done");
  EndByItselfWhenInterrupted("interrupted: finishing the step, then writing a checkpoint");
  const TrainResult result =
      run.Run(reporter.Events(), {.processor = ProcessorName(), .program_version = DEAR_VERSION});
  reporter.bar().Clear();
  Json json = {{"output_dir", config.output_dir},
               {"steps", result.steps},
               {"train_loss", result.mean_loss},
               {"tokens", result.tokens},
               {"seconds", result.seconds}};
  if (result.evaluation) {
    if (result.evaluation->loss) json["eval_loss"] = *result.evaluation->loss;
    for (const auto& [name, value] : result.evaluation->measures) json[name] = value;
  }
  if (result.best.value) {
    json["best_step"] = result.best.step;
    json["best_" + config.BestFigure()] = *result.best.value;
  }
  json["stopped_early"] = result.stopped_early;
  if (options.json) {
    Print(json.dump() + "\n");
  } else {
    Print("trained " + Grouped(result.steps) + " steps, mean loss " +
          Format("%.4f", result.mean_loss) + ", in " + Duration(result.seconds) + " (" +
          Format("%.0f", static_cast<double>(result.tokens) / result.seconds) + " tokens/s)\n" +
          BestText(config, result) + (IsWhole(config) ? "the model" : "the adapter") + " is in " +
          config.output_dir + "; try it:\n  dear rerank -m " + config.output_dir +
          " -q QUERY -d PASSAGES.txt\n");
  }
  return 0;
}

}  // namespace

void AddTrain(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* command = AddCommand(
      app, globals, "train",
      "Trains a LoRA adapter, or a whole model, from a YAML file with LLaMA-Factory's keys",
      "  dear train sft.yaml --dry-run                      rows, tokens, steps, memory, examples\n"
      "  dear train sft.yaml learning_rate=2e-4 output_dir=out/second\n"
      "  dear train sft.yaml resume_from_checkpoint=true    goes on from the last checkpoint\n"
      "docs/training.md lists the keys. The adapter loads in peft and in `dear rerank -m`.");
  command->add_option("config", options->config, "The YAML file")->required();
  command->add_option("overrides", options->overrides, "key=value, in place of what the file says");
  command->add_flag("--dry-run", options->dry_run,
                    "Say what would be done, with three examples as the model sees them");
  command->add_flag("--json", options->json, "The result, or the plan, as JSON");
  command->callback([options, &globals] {
    globals.run = [options, &globals] { return Train(*options, globals.quiet); };
  });
}

}  // namespace dear::app
