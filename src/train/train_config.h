#ifndef DEAR_TRAIN_TRAIN_CONFIG_H_
#define DEAR_TRAIN_TRAIN_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "train/adamw.h"
#include "train/ranking_losses.h"
#include "train/schedule.h"

namespace dear {

enum class TrainStage {
  kSft,         // the next token of an answer
  kPointwise,   // ours: a ranking loss over the scores of a query's passages
  kLikelihood,  // ours: the same over the likelihoods of the query given each passage
};
enum class FinetuningType { kLora, kFull };
enum class Interval { kNo, kSteps, kEpoch };
enum class TrainCompute { kReference, kFast };

// A key that was given, is known, and changes nothing here.
struct IgnoredKey {
  std::string key;
  std::string reason;

  bool operator==(const IgnoredKey&) const = default;
};

// A training run as LLaMA-Factory's YAML describes it: keys, defaults and their meaning are those
// of LLaMA-Factory 0.9.5 (hparams/*.py) and of transformers 5's TrainingArguments below it, unless
// a comment says otherwise. Fields bear the key's name; where they do not, a comment gives it.
struct TrainConfig {
  // Model.
  std::string model_name_or_path;    // required
  std::string adapter_name_or_path;  // one adapter that is trained on; empty: a new one
  TrainStage stage = TrainStage::kSft;
  FinetuningType finetuning_type = FinetuningType::kLora;
  int64_t lora_rank = 8;
  double lora_alpha = 16;  // 2 * lora_rank where not given
  double lora_dropout = 0;
  std::vector<std::string> lora_target = {"all"};  // "all": every linear layer but the output head
  std::vector<std::string> additional_target;      // modules trained whole (peft: modules_to_save)
  bool use_rslora = false;
  bool use_dora = false;
  std::optional<double> loraplus_lr_ratio;  // learning rate of every B over that of A
  double loraplus_lr_embedding = 1e-6;
  bool quantized = false;  // quantization_bit: 4
  bool nf4 = true;         // quantization_type: nf4 or fp4
  bool double_quantization = true;

  // Data.
  std::vector<std::string> dataset;  // required
  std::vector<std::string> eval_dataset;
  std::string dataset_dir = "data";
  std::string chat_template;           // template; empty: the tokenizer's own
  int64_t cutoff_len = 2048;           // as written: LLaMA-Factory takes one off where it packs
  std::optional<int64_t> max_samples;  // of each dataset
  double val_size = 0;                 // below 1 a share of the dataset, from 1 on a number
  bool packing = false;                // also true where neat_packing is
  bool neat_packing = false;
  int64_t preprocessing_batch_size = 1000;  // examples that are packed together
  bool train_on_prompt = false;
  bool mask_history = false;
  bool disable_shuffling = false;

  // Optimisation.
  double learning_rate = 5e-5;
  AdamWOptions adamw;               // weight_decay, adam_beta1, adam_beta2, adam_epsilon
  double max_grad_norm = 1;         // 0: no clipping
  std::optional<double> ema_decay;  // the result is the moving average of the steps
  ScheduleOptions schedule;         // lr_scheduler_type, lr_scheduler_kwargs
  double warmup_ratio = 0;
  double warmup_steps = 0;  // wins over the ratio; see WarmupSteps()
  double num_train_epochs = 3;
  int64_t max_steps = -1;  // above 0: wins over the epochs
  int64_t per_device_train_batch_size = 8;
  int64_t per_device_eval_batch_size = 8;
  int64_t gradient_accumulation_steps = 1;
  bool bf16 = false;
  int64_t seed = 42;

  // Output.
  std::string output_dir;  // required
  bool overwrite_output_dir = false;
  int64_t logging_steps = 10;  // transformers: 500, too few lines for runs of this size
  Interval save_strategy = Interval::kSteps;
  int64_t save_steps = 500;
  std::optional<int64_t> save_total_limit;
  bool save_only_model = false;
  bool plot_loss = false;
  bool tensorboard = false;  // report_to: none (transformers' default) or tensorboard
  Interval eval_strategy = Interval::kNo;
  int64_t eval_steps = 10;  // logging_steps where not given
  std::string eval_jobs;    // ours: queries with passages, ranked at each evaluation
  std::string eval_qrels;   // ours: their judgements
  std::string eval_measure = "ndcg_cut.10";  // ours: one of trec_eval's
  bool load_best_model_at_end = false;
  std::string metric_for_best_model;  // as written; see BestFigure
  std::optional<bool> greater_is_better;
  std::optional<int64_t> early_stopping_steps;  // evaluations without a better one
  bool resume = false;                          // resume_from_checkpoint: true or a path
  std::string resume_from_checkpoint;           // empty: the latest in output_dir

  // Ours, for the stages pointwise and likelihood; DeAR's figures where it has one.
  // loss, kl_weight, temperature, ranknet_targets, ndcg_cut, score_scale
  RankingLossOptions ranking;
  int64_t passages_per_query = 2;
  // Tokens; absent: as the recipe cuts, so that what is trained is what is served.
  std::optional<int64_t> query_max_length;
  std::optional<int64_t> passage_max_length;
  std::string recipe;  // name or file; empty: the model's own

  // Ours, for every stage.
  std::optional<int64_t> memory_budget;  // bytes; written as 12GiB, 800 MB or a number
  int64_t threads = 0;                   // 0: all that there are
  TrainCompute compute = TrainCompute::kReference;

  // The figure of the evaluations by which the best adapter is kept, as the log names it; empty
  // where none is kept. Without metric_for_best_model it is the measure where queries are ranked,
  // else the loss.
  std::string BestFigure() const;

  std::vector<IgnoredKey> ignored;  // in the order of the file, for the program to print
};

// Reads a YAML mapping. Each of `overrides` is key=value, the value a YAML scalar, and replaces
// what the file says; the last of several wins. `context` (the file) is named in errors, with the
// line: kInvalidFormat for a value of the wrong type or range, for keys that contradict each other
// and for an unknown key (with the nearest known one); kUnsupported for what LLaMA-Factory has and
// this program does not; kInvalidArgument for an override that is not key=value.
TrainConfig ParseTrainConfig(std::string_view yaml, const std::vector<std::string>& overrides,
                             const std::string& context);

}  // namespace dear

#endif  // DEAR_TRAIN_TRAIN_CONFIG_H_
