#include "train/train_config.h"

#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "base/byte_size.h"
#include "base/error.h"
#include "text/yaml_fields.h"
#include "train/train_config_fields.h"

namespace dear {
namespace {

constexpr int64_t kMaxCount = int64_t{1} << 40;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

void ReadStage(ConfigFields& fields, TrainConfig* config) {
  std::string stage = "sft";
  fields.Read("stage", &stage);
  for (const char* other : {"pt", "rm", "ppo", "dpo", "kto"}) {
    if (stage == other) {
      fields.Unsupported(
          "stage", "is '" + stage + "', which is not supported: use sft, pointwise or likelihood");
    }
  }
  fields.Read("stage", {"sft", "pointwise", "likelihood"}, &config->stage);
  bool do_train = true;
  fields.Read("do_train", &do_train);
  if (!do_train) fields.Unsupported("do_train", "is false, but this program trains: remove it");
  bool do_eval = false;  // transformers sets it by eval_strategy
  fields.Read("do_eval", &do_eval);
}

void ReadModel(ConfigFields& fields, TrainConfig* config) {
  fields.Read("model_name_or_path", &config->model_name_or_path);
  if (config->model_name_or_path.empty()) fields.Fail("model_name_or_path", "is missing");
  std::vector<std::string> adapters;
  fields.Read("adapter_name_or_path", &adapters);
  if (adapters.size() > 1) {
    fields.Unsupported("adapter_name_or_path",
                       "names several adapters: merge all but the one to train");
  }
  if (!adapters.empty()) config->adapter_name_or_path = adapters[0];

  std::string type = "lora";
  fields.Read("finetuning_type", &type);
  if (type == "freeze" || type == "oft") {
    fields.Unsupported("finetuning_type",
                       "is '" + type + "', which is not supported: use lora or full");
  }
  fields.Read("finetuning_type", {"lora", "full"}, &config->finetuning_type);
}

void ReadLora(ConfigFields& fields, TrainConfig* config) {
  fields.Read("lora_rank", 1, 1024, &config->lora_rank);
  const double alpha = fields.Number("lora_alpha", 0).value_or(0);
  // LLaMA-Factory: `lora_alpha or lora_rank * 2`.
  config->lora_alpha = alpha > 0 ? alpha : 2 * static_cast<double>(config->lora_rank);
  fields.Read("lora_dropout", 0, 1, &config->lora_dropout);
  fields.Read("lora_target", &config->lora_target);
  fields.Read("additional_target", &config->additional_target);
  fields.Read("use_rslora", &config->use_rslora);
  fields.Read("use_dora", &config->use_dora);
  config->loraplus_lr_ratio = fields.Number("loraplus_lr_ratio", 0);
  fields.Read("loraplus_lr_embedding", 0, kInfinity, &config->loraplus_lr_embedding);
}

void ReadQuantization(ConfigFields& fields, TrainConfig* config) {
  std::optional<int64_t> bits;
  fields.Read("quantization_bit", 1, 64, &bits);
  if (bits && *bits != 4) {
    fields.Unsupported("quantization_bit",
                       "is " + std::to_string(*bits) + ", which is not supported: use 4");
  }
  config->quantized = bits.has_value();
  std::string method = "bnb";
  fields.Read("quantization_method", &method);
  if (method != "bnb" && method != "bitsandbytes") {
    fields.Unsupported("quantization_method",
                       "is '" + method + "', which is not supported: use bnb");
  }
  size_t type = 0;
  fields.Read("quantization_type", {"nf4", "fp4"}, &type);
  config->nf4 = type == 0;
  fields.Read("double_quantization", &config->double_quantization);
}

// As LLaMA-Factory's hparams/parser.py and finetuning_args.py have it.
void CheckFullTuning(ConfigFields& fields, const TrainConfig& config) {
  if (config.finetuning_type != FinetuningType::kFull) return;
  for (const auto& [key, used] :
       {std::pair{"adapter_name_or_path", !config.adapter_name_or_path.empty()},
        std::pair{"quantization_bit", config.quantized}, std::pair{"use_rslora", config.use_rslora},
        std::pair{"use_dora", config.use_dora},
        std::pair{"loraplus_lr_ratio", config.loraplus_lr_ratio.has_value()}}) {
    if (used) fields.Fail(key, "belongs to finetuning_type lora");
  }
}

void ReadData(ConfigFields& fields, TrainConfig* config) {
  fields.Read("dataset", &config->dataset);
  if (config->dataset.empty()) fields.Fail("dataset", "is missing");
  fields.Read("eval_dataset", &config->eval_dataset);
  fields.Read("dataset_dir", &config->dataset_dir);
  fields.Read("template", &config->chat_template);
  fields.Read("cutoff_len", 2, kMaxCount, &config->cutoff_len);
  fields.Read("max_samples", 1, kMaxCount, &config->max_samples);
  fields.Read("val_size", 0, static_cast<double>(kMaxCount), &config->val_size);
  if (config->val_size >= 1 && config->val_size != std::floor(config->val_size)) {
    fields.Fail("val_size", "must be below 1 (a share) or a whole number of examples");
  }
  if (config->val_size > 0 && !config->eval_dataset.empty()) {
    fields.Fail("val_size", "cannot be used together with eval_dataset");
  }
  fields.Read("packing", &config->packing);
  fields.Read("neat_packing", &config->neat_packing);
  config->packing = config->packing || config->neat_packing;
  if (config->packing) {  // else it changes nothing, and that is said
    fields.Read("preprocessing_batch_size", 1, kMaxCount, &config->preprocessing_batch_size);
  }
  fields.Read("train_on_prompt", &config->train_on_prompt);
  fields.Read("mask_history", &config->mask_history);
  fields.Read("disable_shuffling", &config->disable_shuffling);
  if (config->mask_history && config->train_on_prompt) {
    fields.Fail("mask_history", "cannot be used together with train_on_prompt");
  }
  if (config->stage == TrainStage::kSft) return;
  for (const auto& [key, used] :
       {std::pair{config->neat_packing ? "neat_packing" : "packing", config->packing},
        std::pair{"train_on_prompt", config->train_on_prompt},
        std::pair{"mask_history", config->mask_history}}) {
    if (used) fields.Fail(key, "belongs to stage sft");
  }
}

void ReadScheduleArguments(ConfigFields& fields, TrainConfig* config) {
  auto map = fields.Ask("lr_scheduler_kwargs").Map("lr_scheduler_kwargs");
  ScheduleOptions& schedule = config->schedule;
  bool has_floor = false;
  if (map) {
    schedule.num_cycles = map->Number("num_cycles", 0, 1e9);
    schedule.power = map->Number("power", 0, 1e9).value_or(schedule.power);
    schedule.end_learning_rate = map->Number("lr_end", 0, 1e9).value_or(schedule.end_learning_rate);
    schedule.timescale = map->Int("timescale", 1, kMaxCount);
    const auto rate = map->Number("min_lr_rate", 0, 1);
    const auto floor = map->Number("min_lr", 0, config->learning_rate);
    if (rate && floor) map->Fail("min_lr", "cannot be used together with min_lr_rate");
    has_floor = rate || floor;
    if (rate) schedule.min_rate = *rate;
    if (floor && *floor > 0) schedule.min_rate = *floor / config->learning_rate;
    map->Finish();
  }
  if (schedule.name == "cosine_with_min_lr" && !has_floor) {
    fields.Fail("lr_scheduler_type",
                "is cosine_with_min_lr, which needs min_lr or min_lr_rate in lr_scheduler_kwargs");
  }
}

void ReadSchedule(ConfigFields& fields, TrainConfig* config) {
  fields.Read("lr_scheduler_type", &config->schedule.name);
  ReadScheduleArguments(fields, config);
  fields.Read("warmup_ratio", 0, 1, &config->warmup_ratio);
  fields.Read("warmup_steps", 0, static_cast<double>(kMaxCount), &config->warmup_steps);
  if (config->warmup_steps >= 1 && config->warmup_steps != std::floor(config->warmup_steps)) {
    fields.Fail("warmup_steps", "must be below 1 (a share) or a whole number of steps");
  }
  try {
    const Schedule check(config->schedule, 0, 1, config->learning_rate);
  } catch (const Error& error) {
    fields.Fail("lr_scheduler_type", "cannot be used: " + error.message());
  }
}

void ReadOptimizer(ConfigFields& fields, TrainConfig* config) {
  std::string optimizer = "adamw_torch";
  fields.Read("optim", &optimizer);
  if (optimizer != "adamw_torch" && optimizer != "adamw_torch_fused") {
    fields.Unsupported("optim", "is '" + optimizer + "', which is not supported: use adamw_torch");
  }
  fields.Read("learning_rate", 0, kInfinity, &config->learning_rate);
  fields.Read("weight_decay", 0, kInfinity, &config->adamw.weight_decay);
  fields.Read("adam_beta1", 0, 1, &config->adamw.beta1);
  fields.Read("adam_beta2", 0, 1, &config->adamw.beta2);
  fields.Read("adam_epsilon", 0, kInfinity, &config->adamw.epsilon);
  fields.Read("max_grad_norm", 0, kInfinity, &config->max_grad_norm);
  config->ema_decay = fields.Number("ema_decay", 0, 1);
  if (config->ema_decay && (*config->ema_decay <= 0 || *config->ema_decay >= 1)) {
    fields.Fail("ema_decay", "must be above 0 and below 1");
  }
  ReadSchedule(fields, config);
}

void ReadRun(ConfigFields& fields, TrainConfig* config) {
  fields.Read("num_train_epochs", 0, 1e9, &config->num_train_epochs);
  fields.Read("max_steps", -1, kMaxCount, &config->max_steps);
  if (config->num_train_epochs == 0 && config->max_steps <= 0) {
    fields.Fail("num_train_epochs", "must be above 0 where max_steps is not given");
  }
  fields.Read("per_device_train_batch_size", 1, 1 << 20, &config->per_device_train_batch_size);
  fields.Read("per_device_eval_batch_size", 1, 1 << 20, &config->per_device_eval_batch_size);
  fields.Read("gradient_accumulation_steps", 1, 1 << 20, &config->gradient_accumulation_steps);
  fields.Read("bf16", &config->bf16);
  fields.Read("seed", 0, kMaxCount, &config->seed);
}

void ReadReport(ConfigFields& fields, TrainConfig* config) {
  std::vector<std::string> report;
  fields.Read("report_to", &report);
  for (const std::string& target : report) {
    if (target == "tensorboard") {
      config->tensorboard = true;
    } else if (target != "none" && target != "None") {
      fields.Unsupported("report_to",
                         "names '" + target + "', which is not supported: use none or tensorboard");
    }
  }
}

void ReadResume(ConfigFields& fields, TrainConfig* config) {
  std::string text;
  fields.Read("resume_from_checkpoint", &text);
  if (text.empty() || text == "false" || text == "False") return;
  config->resume = true;
  if (text != "true" && text != "True") config->resume_from_checkpoint = text;
}

void ReadMeasure(ConfigFields& fields, TrainConfig* config) {
  fields.Read("eval_jobs", &config->eval_jobs);
  fields.Read("eval_qrels", &config->eval_qrels);
  fields.Read("eval_measure", &config->eval_measure);
  for (const char* key : {"eval_qrels", "eval_measure"}) {
    if (config->eval_jobs.empty() && fields.Has(key)) fields.Fail(key, "belongs to eval_jobs");
  }
  if (config->eval_jobs.empty()) return;
  if (config->eval_qrels.empty()) fields.Fail("eval_jobs", "needs eval_qrels, its judgements");
  if (config->eval_strategy == Interval::kNo) fields.Fail("eval_jobs", "needs eval_strategy");
}

void ReadBest(ConfigFields& fields, TrainConfig* config) {
  fields.Read("load_best_model_at_end", &config->load_best_model_at_end);
  fields.Read("metric_for_best_model", &config->metric_for_best_model);
  if (fields.Has("greater_is_better")) {
    config->greater_is_better.emplace();
    fields.Read("greater_is_better", &*config->greater_is_better);
  }
  fields.Read("early_stopping_steps", 1, kMaxCount, &config->early_stopping_steps);
  for (const char* key : {"load_best_model_at_end", "metric_for_best_model", "greater_is_better",
                          "early_stopping_steps"}) {
    const bool asks = fields.Has(key) && (std::string_view(key) != "load_best_model_at_end" ||
                                          config->load_best_model_at_end);
    if (asks && config->eval_strategy == Interval::kNo) fields.Fail(key, "needs eval_strategy");
  }
}

void ReadOutput(ConfigFields& fields, TrainConfig* config) {
  fields.Read("output_dir", &config->output_dir);
  if (config->output_dir.empty()) fields.Fail("output_dir", "is missing");
  fields.Read("overwrite_output_dir", &config->overwrite_output_dir);
  size_t logging = 0;
  fields.Read("logging_strategy", {"steps"}, &logging);
  fields.Read("logging_steps", 1, kMaxCount, &config->logging_steps);
  const std::vector<std::string_view> intervals = {"no", "steps", "epoch"};
  fields.Read("save_strategy", intervals, &config->save_strategy);
  fields.Read("save_steps", 1, kMaxCount, &config->save_steps);
  fields.Read("save_total_limit", 1, kMaxCount, &config->save_total_limit);
  fields.Read("save_only_model", &config->save_only_model);
  fields.Read("plot_loss", &config->plot_loss);
  ReadReport(fields, config);
  ReadResume(fields, config);
  fields.Read("eval_strategy", intervals, &config->eval_strategy);
  config->eval_steps = config->logging_steps;
  fields.Read("eval_steps", 1, kMaxCount, &config->eval_steps);
  ReadMeasure(fields, config);
  if (config->eval_strategy != Interval::kNo && config->val_size == 0 &&
      config->eval_dataset.empty() && config->eval_jobs.empty()) {
    fields.Fail("eval_strategy", "needs val_size, eval_dataset or eval_jobs");
  }
  ReadBest(fields, config);
}

std::vector<WeightedLoss> ReadLosses(ConfigFields& fields) {
  const YAML::Node node = fields.Value("loss");
  YamlFields& source = fields.Ask("loss");
  std::vector<WeightedLoss> losses;
  if (!node.IsSequence() || node.size() == 0 || !node[0].IsMap()) {
    for (std::string& name : source.Strings("loss")) losses.push_back({std::move(name), 1});
    return losses;
  }
  for (YamlFields& map : source.Maps("loss")) {
    std::string name = map.RequireString("name");
    losses.push_back({std::move(name), map.Number("weight", 0, 1e9).value_or(1)});
    map.Finish();
  }
  return losses;
}

constexpr const char* kRankingKeys[] = {
    "loss",        "kl_weight",          "temperature",      "ranknet_targets",   "ndcg_cut",
    "score_scale", "passages_per_query", "query_max_length", "passage_max_length"};

void ReadRanking(ConfigFields& fields, TrainConfig* config) {
  RankingLossOptions& ranking = config->ranking;
  if (std::vector<WeightedLoss> losses = ReadLosses(fields); !losses.empty()) {
    ranking.losses = std::move(losses);
  }
  fields.Read("kl_weight", 0, kInfinity, &ranking.kl_weight);
  if (ranking.kl_weight > 1) fields.Fail("kl_weight", "must be in 0..1");
  fields.Read("temperature", 0, kInfinity, &ranking.temperature);
  if (ranking.temperature == 0) fields.Fail("temperature", "must be above 0");
  fields.Read("ranknet_targets", {"soft", "hard"}, &ranking.ranknet_targets);
  fields.Read("ndcg_cut", 0, kMaxCount, &ranking.ndcg_cut);
  fields.Read("score_scale", 0, kInfinity, &ranking.score_scale);
  if (ranking.score_scale == 0) fields.Fail("score_scale", "must be above 0");
  fields.Read("passages_per_query", 2, 4096, &config->passages_per_query);
  fields.Read("query_max_length", 1, kMaxCount, &config->query_max_length);
  fields.Read("passage_max_length", 1, kMaxCount, &config->passage_max_length);
  fields.Read("recipe", &config->recipe);
  if (config->stage == TrainStage::kSft) {
    if (!config->eval_jobs.empty() && config->recipe.empty()) {
      fields.Fail("eval_jobs", "needs the recipe by which the adapter is to rank");
    }
    for (const char* key : kRankingKeys) {
      if (fields.Has(key)) fields.Fail(key, "belongs to the stages pointwise and likelihood");
    }
  }
  try {
    MakeRankingLoss(ranking);
  } catch (const Error& error) {
    fields.Fail("loss", "cannot be used: " + std::string(error.what()));
  }
}

int64_t ParseBytes(ConfigFields& fields, const std::string& text) {
  const std::optional<int64_t> bytes = ParseByteSize(text);
  if (bytes && *bytes >= 1) return *bytes;
  fields.Fail("memory_budget", "is '" + text + "', but must be a size such as 12GiB or 800MB");
}

void ReadMachine(ConfigFields& fields, TrainConfig* config) {
  std::string budget;
  fields.Read("memory_budget", &budget);
  if (!budget.empty()) config->memory_budget = ParseBytes(fields, budget);
  fields.Read("threads", 0, 4096, &config->threads);
  fields.Read("compute", {"reference", "fast"}, &config->compute);
}

}  // namespace

std::string TrainConfig::BestFigure() const {
  if (eval_strategy == Interval::kNo) return "";
  const std::string prefix = "eval_";
  if (metric_for_best_model.starts_with(prefix)) return metric_for_best_model;
  if (!metric_for_best_model.empty()) return prefix + metric_for_best_model;
  if (eval_jobs.empty()) return prefix + "loss";
  std::string column = eval_measure;  // as `dear eval` prints it
  std::ranges::replace(column, '.', '_');
  return prefix + column;
}

TrainConfig ParseTrainConfig(std::string_view yaml, const std::vector<std::string>& overrides,
                             const std::string& context) {
  ConfigFields fields(yaml, overrides, context);
  TrainConfig config;
  ReadStage(fields, &config);
  ReadModel(fields, &config);
  ReadLora(fields, &config);
  ReadQuantization(fields, &config);
  CheckFullTuning(fields, config);
  ReadData(fields, &config);
  ReadOptimizer(fields, &config);
  ReadRun(fields, &config);
  ReadOutput(fields, &config);
  ReadRanking(fields, &config);
  ReadMachine(fields, &config);
  config.ignored = fields.Finish();
  return config;
}

}  // namespace dear
