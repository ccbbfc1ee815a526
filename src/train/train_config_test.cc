#include "train/train_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kFile = "train.yaml";

// DeAR's second stage as its repository trains it with LLaMA-Factory.
constexpr const char* kDearStage2 = R"(### model
model_name_or_path: meta-llama/Llama-3.1-8B-Instruct
trust_remote_code: true

### method
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 16
lora_target: all

### dataset
dataset: dear_cot,  alpaca_en_demo
template: llama3
cutoff_len: 5000
max_samples: 1000000
overwrite_cache: true
preprocessing_num_workers: 16
dataloader_num_workers: 4

### output
output_dir: saves/llama3-8b/lora/dear
logging_steps: 10
save_steps: 500
plot_loss: true
overwrite_output_dir: true
save_only_model: false
report_to: none  # choices: [none, wandb, tensorboard, swanlab, mlflow]

### train
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 1.0e-4
num_train_epochs: 3.0
lr_scheduler_type: cosine
warmup_ratio: 0.1
bf16: true
ddp_timeout: 180000000
resume_from_checkpoint: null
deepspeed: null

### eval
# eval_dataset: alpaca_en_demo
val_size: 0.1
per_device_eval_batch_size: 1
eval_strategy: steps
eval_steps: 500
)";

constexpr const char* kLeast = "model_name_or_path: m\ndataset: d\noutput_dir: o\n";

TrainConfig Least(const std::string& more = "", const std::vector<std::string>& overrides = {}) {
  return ParseTrainConfig(kLeast + more, overrides, kFile);
}

struct TrainRefusal {
  ErrorCode code;
  std::string text;
};

TrainRefusal RefusalOf(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  try {
    ParseTrainConfig(yaml, overrides, kFile);
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  return {ErrorCode::kInternal, "not refused"};
}

void ExpectRefused(const std::string& more, ErrorCode code, const std::string& text) {
  const TrainRefusal refusal = RefusalOf(kLeast + more);
  EXPECT_EQ(refusal.code, code) << more << ": " << refusal.text;
  EXPECT_THAT(refusal.text, HasSubstr(text)) << more;
}

void ExpectInvalid(const std::string& more, const std::string& text) {
  ExpectRefused(more, ErrorCode::kInvalidFormat, text);
}

void ExpectUnsupported(const std::string& more, const std::string& text) {
  ExpectRefused(more, ErrorCode::kUnsupported, text);
}

TEST(TrainConfigTest, ReadsDearsSecondStage) {
  const TrainConfig config = ParseTrainConfig(kDearStage2, {}, kFile);
  EXPECT_EQ(config.model_name_or_path, "meta-llama/Llama-3.1-8B-Instruct");
  EXPECT_EQ(config.stage, TrainStage::kSft);
  EXPECT_EQ(config.finetuning_type, FinetuningType::kLora);
  EXPECT_EQ(config.lora_rank, 16);
  EXPECT_EQ(config.lora_alpha, 32);
  EXPECT_THAT(config.lora_target, ElementsAre("all"));
  EXPECT_THAT(config.dataset, ElementsAre("dear_cot", "alpaca_en_demo"));
  EXPECT_EQ(config.chat_template, "llama3");
  EXPECT_EQ(config.cutoff_len, 5000);
  EXPECT_EQ(config.max_samples, 1000000);
  EXPECT_EQ(config.output_dir, "saves/llama3-8b/lora/dear");
  EXPECT_TRUE(config.plot_loss);
  EXPECT_TRUE(config.overwrite_output_dir);
  EXPECT_FALSE(config.tensorboard);
  EXPECT_EQ(config.per_device_train_batch_size, 1);
  EXPECT_EQ(config.gradient_accumulation_steps, 8);
  EXPECT_EQ(config.learning_rate, 1e-4);
  EXPECT_EQ(config.schedule.name, "cosine");
  EXPECT_EQ(config.warmup_ratio, 0.1);
  EXPECT_TRUE(config.bf16);
  EXPECT_FALSE(config.resume);
  EXPECT_EQ(config.val_size, 0.1);
  EXPECT_EQ(config.eval_strategy, Interval::kSteps);
  EXPECT_EQ(config.eval_steps, 500);
  std::vector<std::string> ignored;
  for (const IgnoredKey& key : config.ignored) ignored.push_back(key.key);
  EXPECT_THAT(ignored,
              ElementsAre("trust_remote_code", "overwrite_cache", "preprocessing_num_workers",
                          "dataloader_num_workers", "ddp_timeout"));
  EXPECT_EQ(config.ignored[0].reason, "no code of a model is run");
}

TEST(TrainConfigTest, DefaultsAreLlamaFactorys) {
  const TrainConfig config = Least();
  EXPECT_EQ(config.lora_rank, 8);
  EXPECT_EQ(config.lora_alpha, 16);
  EXPECT_THAT(config.lora_target, ElementsAre("all"));
  EXPECT_FALSE(config.quantized);
  EXPECT_TRUE(config.double_quantization);
  EXPECT_EQ(config.dataset_dir, "data");
  EXPECT_EQ(config.cutoff_len, 2048);
  EXPECT_EQ(config.learning_rate, 5e-5);
  EXPECT_EQ(config.schedule.name, "linear");
  EXPECT_EQ(config.num_train_epochs, 3);
  EXPECT_EQ(config.max_steps, -1);
  EXPECT_EQ(config.per_device_train_batch_size, 8);
  EXPECT_EQ(config.max_grad_norm, 1);
  EXPECT_EQ(config.adamw.weight_decay, 0);
  EXPECT_EQ(config.seed, 42);
  EXPECT_EQ(config.save_steps, 500);
  EXPECT_FALSE(config.memory_budget);
  EXPECT_TRUE(config.ignored.empty());
}

TEST(TrainConfigTest, OverridesReplaceTheFile) {
  const TrainConfig config = ParseTrainConfig(
      kDearStage2,
      {"lora_rank=4", "learning_rate=2e-5", "template=null", "bf16=false", "dataset=a,b",
       "seed = 7", "seed=8", "resume_from_checkpoint=true", "eval_strategy=no"},
      kFile);
  EXPECT_EQ(config.lora_rank, 4);
  EXPECT_EQ(config.lora_alpha, 8);
  EXPECT_EQ(config.learning_rate, 2e-5);
  EXPECT_EQ(config.chat_template, "");
  EXPECT_FALSE(config.bf16);
  EXPECT_THAT(config.dataset, ElementsAre("a", "b"));
  EXPECT_EQ(config.seed, 8);
  EXPECT_TRUE(config.resume);
  EXPECT_EQ(config.resume_from_checkpoint, "");
}

TEST(TrainConfigTest, OverridesAreNamedInErrors) {
  TrainRefusal refusal = RefusalOf(kLeast, {"lora_rank=many"});
  EXPECT_EQ(refusal.code, ErrorCode::kInvalidFormat);
  EXPECT_THAT(refusal.text, StartsWith("override 'lora_rank=many': field 'lora_rank' must be"));
  refusal = RefusalOf(kLeast, {"lora_rnk=3"});
  EXPECT_THAT(refusal.text, StartsWith("override 'lora_rnk=3': "));
  EXPECT_THAT(refusal.text, HasSubstr("did you mean 'lora_rank'?"));
  refusal = RefusalOf(kLeast, {"deepspeed=ds.json"});
  EXPECT_EQ(refusal.code, ErrorCode::kUnsupported);
  EXPECT_THAT(refusal.text, StartsWith("override 'deepspeed=ds.json': field 'deepspeed'"));
  for (const char* broken : {"lora_rank", "=3", "a=[1, 2]", "a={b: 1}", "a=\"x", "a=[[["}) {
    refusal = RefusalOf(kLeast, {broken});
    EXPECT_EQ(refusal.code, ErrorCode::kInvalidArgument) << broken;
  }
}

TEST(TrainConfigTest, UnknownKeysAreRefusedWithTheNearest) {
  ExpectInvalid("lora_rnk: 8\n", "train.yaml:4: field 'lora_rnk' is not known; did you mean");
  ExpectInvalid("evaluation_strategy: steps\n", "did you mean 'eval_strategy'?");
  ExpectInvalid("dataloader_workers: 2\n", "did you mean 'dataloader_num_workers'?");
  ExpectInvalid("wholly_different_thing: 2\n", "field 'wholly_different_thing' is not known");
  ExpectInvalid("seed: 1\nseed: 2\n", "is given twice");
}

TEST(TrainConfigTest, WhatLlamaFactoryHasAndWeDoNotIsRefusedByName) {
  for (const char* line : {"deepspeed: examples/deepspeed/ds_z3_config.json\n",
                           "fsdp: full_shard\n",
                           "use_galore: true\n",
                           "galore_rank: 8\n",
                           "badam_mode: layer\n",
                           "pissa_init: true\n",
                           "fp16: true\n",
                           "pure_bf16: true\n",
                           "report_to: wandb\n",
                           "report_to: [none, wandb]\n",
                           "optim: adafactor\n",
                           "finetuning_type: freeze\n",
                           "finetuning_type: oft\n",
                           "stage: dpo\n",
                           "quantization_bit: 8\n",
                           "quantization_bit: 4\nquantization_method: hqq\n",
                           "adapter_name_or_path: a,b\n",
                           "do_train: false\n",
                           "label_smoothing_factor: 0.1\n",
                           "streaming: true\n",
                           "use_dft_loss: true\n",
                           "lr_scheduler_kwargs: {}\nrope_scaling: yarn\n",
                           "create_new_adapter: true\n",
                           "predict_with_generate: true\n",
                           "top_p: 0.7\n"}) {
    ExpectUnsupported(line, "train.yaml:");
  }
  ExpectUnsupported("fp16: true\n", "train.yaml:4: field 'fp16' is not supported: use bf16");
  // Switched off, they say nothing.
  EXPECT_TRUE(Least("fp16: false\ndeepspeed: null\nuse_galore: False\nstreaming: 0\n"
                    "label_smoothing_factor: 0.0\n")
                  .ignored.empty());
}

TEST(TrainConfigTest, TypesAndRangesAreChecked) {
  for (const char* line : {"lora_rank: 0\n",
                           "lora_rank: 1025\n",
                           "lora_rank: 8.5\n",
                           "lora_rank: []\n",
                           "lora_alpha: -1\n",
                           "lora_dropout: 1\n",
                           "ema_decay: 1\n",
                           "ema_decay: 0\n",
                           "learning_rate: -1.0e-4\n",
                           "learning_rate: .inf\n",
                           "learning_rate: nan\n",
                           "learning_rate: fast\n",
                           "num_train_epochs: 0\n",
                           "max_steps: -2\n",
                           "per_device_train_batch_size: 0\n",
                           "gradient_accumulation_steps: 0\n",
                           "adam_beta1: 1\n",
                           "max_grad_norm: -1\n",
                           "warmup_ratio: 1.5\n",
                           "warmup_steps: -1\n",
                           "warmup_steps: 2.5\n",
                           "bf16: maybe\n",
                           "packing: 1\n",
                           "packing: true\npreprocessing_batch_size: 0\n",
                           "save_steps: 0\n",
                           "logging_steps: 0.1\n",
                           "save_total_limit: 0\n",
                           "cutoff_len: 1\n",
                           "max_samples: 0\n",
                           "val_size: -0.1\n",
                           "val_size: 1.5\n",
                           "quantization_type: int4\n",
                           "stage: pretrain\n",
                           "lora_target: a,,b\n",
                           "lora_target: {a: b}\n",
                           "lr_scheduler_type: stairs\n",
                           "eval_strategy: steps\n",
                           "save_strategy: best\n",
                           "compute: quick\n",
                           "threads: -1\n",
                           "memory_budget: much\n",
                           "memory_budget: 12GiBs\n",
                           "memory_budget: -3GB\n",
                           "memory_budget: 0\n",
                           "lr_scheduler_type: cosine_with_min_lr\n",
                           "lr_scheduler_kwargs: {cycles: 1}\n"}) {
    ExpectInvalid(line, "train.yaml");
  }
  ExpectInvalid("lr_scheduler_type: stairs\n", "'stairs' is not one of: constant, ");
  EXPECT_EQ(RefusalOf("[1]").code, ErrorCode::kInvalidFormat);
  EXPECT_THAT(RefusalOf("model_name_or_path: m\ndataset: d\n").text,
              HasSubstr("field 'output_dir' is missing"));
}

TEST(TrainConfigTest, KeysThatContradictEachOtherAreRefused) {
  ExpectInvalid("mask_history: true\ntrain_on_prompt: true\n", "train_on_prompt");
  ExpectInvalid("val_size: 0.1\neval_dataset: e\n", "eval_dataset");
  ExpectInvalid("finetuning_type: full\nquantization_bit: 4\n", "'quantization_bit' belongs to");
  ExpectInvalid("finetuning_type: full\nuse_dora: true\n", "'use_dora' belongs to");
  ExpectInvalid("finetuning_type: full\nadapter_name_or_path: a\n", "adapter_name_or_path");
  ExpectInvalid("stage: pointwise\nneat_packing: true\n", "'neat_packing' belongs to stage sft");
  ExpectInvalid("loss: softmax_ce\n", "'loss' belongs to the stages");
  ExpectInvalid("temperature: 0.95\n", "'temperature' belongs to the stages");
}

TEST(TrainConfigTest, ReadsWhatTheExamplesLeaveOut) {
  const TrainConfig config = Least(
      "adapter_name_or_path: before\nlora_rank: 4\nlora_alpha: 5.5\nuse_rslora: True\n"
      "lora_target: [q_proj, v_proj]\nadditional_target: score, norm\nloraplus_lr_ratio: 16.0\n"
      "quantization_bit: 4\nquantization_type: fp4\ndouble_quantization: false\n"
      "quantization_method: bitsandbytes\nneat_packing: true\nval_size: 200\nmax_steps: 100\n"
      "preprocessing_batch_size: 50\n"
      "warmup_steps: 20\nweight_decay: 0.01\nadam_beta2: 0.95\noptim: adamw_torch_fused\n"
      "report_to: tensorboard\nresume_from_checkpoint: o/checkpoint-500\nsave_strategy: epoch\n"
      "lr_scheduler_type: cosine_with_min_lr\nlr_scheduler_kwargs: {min_lr: 1.0e-5}\n"
      "memory_budget: 12GiB\nthreads: 3\ncompute: fast\n");
  EXPECT_EQ(config.adapter_name_or_path, "before");
  EXPECT_EQ(config.lora_alpha, 5.5);
  EXPECT_TRUE(config.use_rslora);
  EXPECT_THAT(config.lora_target, ElementsAre("q_proj", "v_proj"));
  EXPECT_THAT(config.additional_target, ElementsAre("score", "norm"));
  EXPECT_EQ(config.loraplus_lr_ratio, 16);
  EXPECT_TRUE(config.quantized);
  EXPECT_FALSE(config.nf4);
  EXPECT_FALSE(config.double_quantization);
  EXPECT_TRUE(config.packing);
  EXPECT_EQ(config.preprocessing_batch_size, 50);
  EXPECT_EQ(config.val_size, 200);
  EXPECT_EQ(config.max_steps, 100);
  EXPECT_EQ(config.warmup_steps, 20);
  EXPECT_EQ(config.adamw.weight_decay, 0.01);
  EXPECT_EQ(config.adamw.beta2, 0.95);
  EXPECT_TRUE(config.tensorboard);
  EXPECT_TRUE(config.resume);
  EXPECT_EQ(config.resume_from_checkpoint, "o/checkpoint-500");
  EXPECT_EQ(config.save_strategy, Interval::kEpoch);
  EXPECT_DOUBLE_EQ(config.schedule.min_rate, 0.2);
  EXPECT_EQ(config.memory_budget, int64_t{12} << 30);
  EXPECT_EQ(config.threads, 3);
  EXPECT_EQ(config.compute, TrainCompute::kFast);
  EXPECT_EQ(Least("memory_budget: 1.5 GB\n").memory_budget, 1500000000);
  EXPECT_EQ(Least("memory_budget: 4096\n").memory_budget, 4096);
}

TEST(TrainConfigTest, ReadsHowTheBestIsChosen) {
  const std::string jobs = "eval_jobs: j.jsonl\neval_qrels: q.txt\nrecipe: dear-card\n";
  const std::string steps = "eval_strategy: steps\n";
  EXPECT_EQ(Least("").BestFigure(), "");
  EXPECT_EQ(Least(steps + "val_size: 5\n").BestFigure(), "eval_loss");
  EXPECT_EQ(Least(steps + jobs).BestFigure(), "eval_ndcg_cut_10");
  EXPECT_EQ(Least(steps + jobs + "eval_measure: map\n").BestFigure(), "eval_map");
  EXPECT_EQ(Least(steps + jobs + "metric_for_best_model: loss\n").BestFigure(), "eval_loss");
  EXPECT_EQ(Least(steps + jobs + "metric_for_best_model: eval_map\n").BestFigure(), "eval_map");
  const TrainConfig config = Least(steps + jobs +
                                   "load_best_model_at_end: true\ngreater_is_better: false\n"
                                   "early_stopping_steps: 3\n");
  EXPECT_EQ(config.eval_jobs, "j.jsonl");
  EXPECT_EQ(config.eval_qrels, "q.txt");
  EXPECT_TRUE(config.load_best_model_at_end);
  EXPECT_EQ(config.greater_is_better, false);
  EXPECT_EQ(config.early_stopping_steps, 3);

  ExpectInvalid("early_stopping_steps: 3\n", "needs eval_strategy");
  ExpectInvalid("load_best_model_at_end: true\n", "needs eval_strategy");
  EXPECT_FALSE(Least("load_best_model_at_end: false\n").load_best_model_at_end);
  ExpectInvalid(jobs, "needs eval_strategy");
  ExpectInvalid(steps + "eval_jobs: j\n", "needs eval_qrels");
  ExpectInvalid(steps + "eval_jobs: j\neval_qrels: q\n", "needs the recipe");
  ExpectInvalid("eval_measure: map\n", "belongs to eval_jobs");
  ExpectInvalid(steps, "needs val_size, eval_dataset or eval_jobs");
}

TEST(TrainConfigTest, ReadsRankingLosses) {
  const TrainConfig config = Least(
      "stage: pointwise\nloss:\n  - {name: ranknet_binary, weight: 0.5}\n"
      "  - {name: softmax_ce, weight: 0.5}\nkl_weight: 0.1\ntemperature: 2.0\n"
      "ranknet_targets: hard\nndcg_cut: 5\nscore_scale: 0.5\npassages_per_query: 4\n"
      "query_max_length: 64\n"
      "passage_max_length: 256\nrecipe: dear-pointwise-card\n");
  EXPECT_EQ(config.stage, TrainStage::kPointwise);
  EXPECT_THAT(config.ranking.losses,
              ElementsAre(WeightedLoss{"ranknet_binary", 0.5}, WeightedLoss{"softmax_ce", 0.5}));
  EXPECT_EQ(config.ranking.kl_weight, 0.1);
  EXPECT_EQ(config.ranking.ranknet_targets, RankNetTargets::kHard);
  EXPECT_EQ(config.ranking.ndcg_cut, 5);
  EXPECT_EQ(config.ranking.score_scale, 0.5);
  EXPECT_EQ(config.passages_per_query, 4);
  EXPECT_EQ(config.query_max_length, 64);
  EXPECT_EQ(config.passage_max_length, 256);
  EXPECT_EQ(config.recipe, "dear-pointwise-card");
  EXPECT_THAT(Least("stage: likelihood\nloss: listnet_teacher\n").ranking.losses,
              ElementsAre(WeightedLoss{"listnet_teacher", 1}));

  const std::string stage = "stage: pointwise\n";
  ExpectInvalid(stage + "loss: hinge\n", "known are softmax_ce");
  ExpectInvalid(stage + "loss: [{weight: 1}]\n", "field 'loss[0].name' is missing");
  ExpectInvalid(stage + "loss: [{name: listnet, weigth: 1}]\n", "loss[0].weigth");
  ExpectInvalid(stage + "loss: [{name: listnet, weight: 0}]\n", "weight of listnet");
  ExpectInvalid(stage + "loss: {name: listnet}\n", "'loss' must be");
  ExpectInvalid(stage + "kl_weight: 1.1\n", "must be in 0..1");
  ExpectInvalid(stage + "temperature: 0\n", "must be above 0");
  ExpectInvalid(stage + "score_scale: 0\n", "must be above 0");
  ExpectInvalid(stage + "passages_per_query: 1\n", "from 2 to");
}

}  // namespace
}  // namespace dear
