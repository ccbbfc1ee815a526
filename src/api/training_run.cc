#include "api/training_run.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <system_error>

#include "api/model_files.h"
#include "api/training_measure.h"
#include "api/training_record.h"
#include "api/write_model.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/sha256.h"
#include "formats/checkpoint.h"
#include "formats/peft_adapter.h"
#include "hub/hub_cache.h"
#include "model/fingerprint.h"
#include "model/new_lora.h"
#include "train/item_sizes.h"

namespace dear {
namespace fs = std::filesystem;
namespace {

uint64_t PhysicalMemory() {
  return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

[[noreturn]] void Unsupported(const char* key, const std::string& what) {
  throw Error(ErrorCode::kUnsupported, key, what);
}

void RequireSupported(const TrainConfig& config) {
  if (config.finetuning_type == FinetuningType::kFull && config.compute == TrainCompute::kFast) {
    Unsupported("compute", "is fast, but all weights are trained (finetuning_type: full) in f32");
  }
}

// Whether the name is that of a path here: adapters name their base by it wherever they are read.
std::string BaseName(const std::string& name) {
  std::error_code missing;
  const fs::path path = fs::weakly_canonical(name, missing);
  return fs::exists(path, missing) ? path.string() : name;
}

LoraConfig NewLoraConfig(const TrainConfig& config, const Model& model) {
  LoraConfig lora;
  lora.base_model_name_or_path = BaseName(config.model_name_or_path);
  lora.task_type = model.config().head == HeadKind::kCausalLm ? "CAUSAL_LM" : "SEQ_CLS";
  lora.r = config.lora_rank;
  lora.lora_alpha = config.lora_alpha;
  lora.lora_dropout = config.lora_dropout;
  lora.use_rslora = config.use_rslora;
  lora.use_dora = config.use_dora;
  lora.modules_to_save = config.additional_target;
  if (config.lora_target == std::vector<std::string>{"all"}) {
    lora.target_modules = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                           "gate_proj", "up_proj", "down_proj"};
  } else {
    lora.target_modules = config.lora_target;
  }
  if (lora.task_type == "SEQ_CLS") lora.modules_to_save.emplace_back("score");
  return lora;
}

// A folder as anybody's home has it, where it is in this one's.
std::string UnderHome(const fs::path& folder) {
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == 0) return folder.string();
  const fs::path inside = folder.lexically_relative(home);
  if (inside.empty() || *inside.begin() == "..") return folder.string();
  return (fs::path("~") / inside).string();
}

// What the ranking losses of a configuration are; of sft nothing.
std::string LossText(const TrainConfig& config) {
  if (config.stage == TrainStage::kSft) return "cross-entropy";
  std::string text;
  for (const WeightedLoss& loss : config.ranking.losses) {
    text += Json(loss.weight).dump() + " " + loss.name + " ";
  }
  return text + "kl " + Json(config.ranking.kl_weight).dump() + " at " +
         Json(config.ranking.temperature).dump() + ", scores times " +
         Json(config.ranking.score_scale).dump() + ", over " +
         std::to_string(config.passages_per_query) + " passages";
}

}  // namespace

TrainingRun::~TrainingRun() = default;

TrainingRun::TrainingRun(TrainConfig config, const ProgressFn& progress)
    : config_(std::move(config)),
      pool_(std::make_shared<ThreadPool>(static_cast<int>(config_.threads))) {
  RequireSupported(config_);
  OpenData(progress);
  OpenModel(progress);
  ScanLengths(progress);
  ChooseMemory();
  backend_ = MakeCpuBackend(pool_);
  backward_ = MakeCpuBackwardOps(pool_);
  pass_ = std::make_unique<TrainingPass>(*model_, *adapter_, *backend_, *backward_,
                                         TrainingMemory{.kept_layers = plan_.kept_layers});
  trainer_ =
      std::make_unique<Trainer>(*data_->objective, *adapter_, *pass_, pool_, MakeTrainerOptions());
  OpenEvaluation();
  plan_.total_steps = trainer_->total_steps();
  plan_.first_step = trainer_->steps_done();
}

void TrainingRun::OpenData(const ProgressFn& progress) {
  const ModelFiles files = FindModelFiles(config_.model_name_or_path);
  if (files.adapter) {
    throw Error(ErrorCode::kInvalidArgument, "model_name_or_path",
                "'" + config_.model_name_or_path +
                    "' is an adapter: name its base here and the adapter in adapter_name_or_path");
  }
  checkpoint_ = OpenCheckpoint(files.base);
  data_ = OpenTrainingData(config_, OpenTokenizer(files), checkpoint_.config.max_positions, *pool_,
                           progress);
  plan_.items = static_cast<int64_t>(data_->objective->size());
  plan_.eval_items = data_->evaluation ? static_cast<int64_t>(data_->evaluation->size()) : 0;
  plan_.packed = data_->packed;
  plan_.eval_packed = data_->eval_packed;
  plan_.dropped = data_->dropped;
  plan_.first_dropped = data_->first_dropped;
  plan_.template_name = data_->form;
  plan_.examples = data_->examples;
}

void TrainingRun::OpenEvaluation() {
  MeasureFn measure;
  std::vector<std::string> figures;
  if (!config_.eval_jobs.empty()) {
    const auto ranks =
        std::make_shared<TrainingMeasure>(config_, *data_->served.recipe,
                                          ModelLanguageModel::Parts{.model = model_,
                                                                    .adapter = adapter_->adapter(),
                                                                    .tokenizer = data_->tokenizer,
                                                                    .pool = pool_});
    plan_.eval_queries = static_cast<int64_t>(ranks->num_queries());
    figures = ranks->Figures();
    measure = [ranks](const CancelFn& cancel) { return ranks->Measure(cancel); };
  }
  if (data_->evaluation) figures.emplace_back("eval_loss");
  // Said now, and not after the steps before the first evaluation.
  const std::string best = config_.BestFigure();
  if (!best.empty() && std::ranges::find(figures, best) == figures.end()) {
    throw Error(ErrorCode::kInvalidArgument, "metric_for_best_model",
                "is to be " + best + ", but the evaluations have only " + JoinedNames(figures));
  }
  trainer_->SetEvaluation(data_->evaluation.get(), std::move(measure));
}

void TrainingRun::OpenModel(const ProgressFn& progress) {
  if (data_->needs_score_head && checkpoint_.config.head == HeadKind::kCausalLm) {
    checkpoint_.config.head = HeadKind::kSequenceClassification;
    checkpoint_.config.num_labels = 1;
  }
  LoadOptions options{.progress = progress, .pool = pool_};
  if (config_.quantized) {
    options.weights = {.form = config_.nf4 ? WeightForm::kNf4 : WeightForm::kFp4,
                       .double_quant = config_.double_quantization};
  }
  if (config_.compute == TrainCompute::kFast) options.compute = Compute::kFast;
  model_ = Model::Load(checkpoint_, options);
  OpenTrained();
  for (const TrainedTensor& tensor : adapter_->tensors()) {
    plan_.trained_parameters += static_cast<int64_t>(tensor.values.size());
  }
  plan_.weight_bytes = model_->weight_bytes();
  // Values, gradients, two moments and the average.
  const uint64_t copies = config_.ema_decay ? 5 : 4;
  plan_.adapter_bytes = static_cast<uint64_t>(plan_.trained_parameters) * copies * sizeof(float);
}

void TrainingRun::OpenTrained() {
  const auto seed = static_cast<uint64_t>(config_.seed);
  if (config_.finetuning_type == FinetuningType::kFull) {
    adapter_ = TrainableAdapter::Whole(*model_, checkpoint_, seed);
    // A model's folder has its tokenizer beside it.
    adapter_->SetBeside([this](const fs::path& folder) {
      WriteTokenizer(FindModelFiles(config_.model_name_or_path), checkpoint_, *data_->tokenizer,
                     folder);
    });
    return;
  }
  const PeftAdapter files = config_.adapter_name_or_path.empty()
                                ? NewLora(*model_, NewLoraConfig(config_, *model_), seed)
                                : OpenPeftAdapter(ResolveModel(config_.adapter_name_or_path));
  const std::string name =
      config_.adapter_name_or_path.empty() ? "the new adapter" : config_.adapter_name_or_path;
  adapter_ = std::make_unique<TrainableAdapter>(*model_, files, name);
}

void TrainingRun::ScanLengths(const ProgressFn& progress) {
  std::vector<int64_t> tokens;
  for (const ItemSize& item : ItemSizes(*data_->objective, *pool_, progress)) {
    tokens.push_back(item.tokens);
    plan_.epoch_tokens += item.tokens;
    plan_.epoch_trained_tokens += item.weight;
  }
  if (config_.stage != TrainStage::kSft) plan_.epoch_trained_tokens = 0;  // queries were counted
  if (config_.stage == TrainStage::kSft && plan_.epoch_trained_tokens == 0) {
    throw Error(ErrorCode::kInvalidArgument, "cutoff_len",
                "no row has a token to be learned within " + std::to_string(config_.cutoff_len) +
                    " tokens");
  }
  std::ranges::sort(tokens, std::greater<>());
  plan_.longest_item = tokens.front();
  const auto batch =
      std::min(tokens.size(), static_cast<size_t>(config_.per_device_train_batch_size));
  largest_batch_tokens_ =
      std::accumulate(tokens.begin(), tokens.begin() + static_cast<int64_t>(batch), int64_t{0});
}

// As many layers as the budget holds keep their activations: what is kept need not be computed
// again, a third of the work of a step.
void TrainingRun::ChooseMemory() {
  constexpr uint64_t kShareOfMachine = 2;  // half of it, unless the user says
  const uint64_t budget = config_.memory_budget ? static_cast<uint64_t>(*config_.memory_budget)
                                                : PhysicalMemory() / kShareOfMachine;
  const ModelConfig& shape = model_->config();
  const auto bytes_with = [&](int64_t kept) {
    return static_cast<uint64_t>(largest_batch_tokens_ * TrainingPass::BytesPerToken(shape, kept)) +
           static_cast<uint64_t>(TrainingMemory{}.loss_floats) * sizeof(float);
  };
  const uint64_t fixed = plan_.weight_bytes + plan_.adapter_bytes;
  int64_t kept = shape.num_layers;
  while (kept > 0 && fixed + bytes_with(kept) > budget) --kept;
  if (config_.memory_budget && fixed + bytes_with(kept) > budget) {
    throw Error(ErrorCode::kInvalidArgument, "memory_budget",
                "the weights take " + std::to_string(fixed >> 20) +
                    " MiB and the largest batch, of " + std::to_string(largest_batch_tokens_) +
                    " tokens, " + std::to_string(bytes_with(0) >> 20) +
                    " MiB; lower per_device_train_batch_size or cutoff_len, or give more");
  }
  plan_.kept_layers = kept;
  plan_.activation_bytes = bytes_with(kept);
}

TrainerOptions TrainingRun::MakeTrainerOptions() const {
  TrainerOptions options;
  options.batches = {.batch_size = config_.per_device_train_batch_size,
                     .accumulation_steps = config_.gradient_accumulation_steps,
                     .epochs = config_.num_train_epochs,
                     .max_steps = config_.max_steps,
                     .shuffle = !config_.disable_shuffling,
                     .seed = static_cast<uint64_t>(config_.seed)};
  options.learning_rate = config_.learning_rate;
  options.learning_rate_ratio_of_b = config_.loraplus_lr_ratio.value_or(1);
  options.adamw = config_.adamw;
  options.max_grad_norm = config_.max_grad_norm;
  options.ema_decay = config_.ema_decay;
  options.schedule = config_.schedule;
  options.warmup_ratio = config_.warmup_ratio;
  options.warmup_steps = config_.warmup_steps;
  options.dropout = adapter_->config().lora_dropout;
  options.output = config_.output_dir;
  options.logging_steps = config_.logging_steps;
  options.save_steps = config_.save_strategy == Interval::kSteps ? config_.save_steps : 0;
  options.save_each_epoch = config_.save_strategy == Interval::kEpoch;
  options.save_total_limit = config_.save_total_limit;
  options.save_only_model = config_.save_only_model;
  options.best_figure = config_.BestFigure();
  options.greater_is_better =
      config_.greater_is_better.value_or(!options.best_figure.ends_with("loss"));
  options.load_best = config_.load_best_model_at_end;
  options.patience = config_.early_stopping_steps.value_or(0);
  options.eval_steps = config_.eval_strategy == Interval::kSteps ? config_.eval_steps : 0;
  options.eval_each_epoch = config_.eval_strategy == Interval::kEpoch;
  options.eval_batch_size = config_.per_device_eval_batch_size;
  if (config_.resume) {
    options.resume_from = config_.resume_from_checkpoint;
    if (options.resume_from.empty()) {
      const std::vector<fs::path> found = FindCheckpoints(config_.output_dir);
      if (found.empty()) {
        throw Error(ErrorCode::kNotFound, config_.output_dir, "holds no checkpoint to resume from");
      }
      options.resume_from = found.back();
    }
  }
  const std::string settings = adapter_->is_whole() ? "" : LoraConfigText(adapter_->config());
  options.identity = {
      {"base model", Fingerprint(*model_)},
      {"dataset", JoinedNames(config_.dataset)},
      {"template", plan_.template_name},
      {"cutoff_len", std::to_string(config_.cutoff_len)},
      {"packing",
       config_.packing ? "groups of " + std::to_string(config_.preprocessing_batch_size) : "none"},
      {"epoch tokens", std::to_string(plan_.epoch_tokens)},
      {"per_device_train_batch_size", std::to_string(config_.per_device_train_batch_size)},
      {"gradient_accumulation_steps", std::to_string(config_.gradient_accumulation_steps)},
      {"learning_rate", Json(config_.learning_rate).dump()},
      {"lr_scheduler_type", config_.schedule.name},
      {"seed", std::to_string(config_.seed)},
      {"disable_shuffling", config_.disable_shuffling ? "true" : "false"},
      {"epoch trained tokens", std::to_string(plan_.epoch_trained_tokens)},
      {"warm-up steps",
       Json(config_.warmup_steps).dump() + ", " + Json(config_.warmup_ratio).dump()},
      {"weight_decay", Json(config_.adamw.weight_decay).dump()},
      {"adam_beta1", Json(config_.adamw.beta1).dump()},
      {"adam_beta2", Json(config_.adamw.beta2).dump()},
      {"adam_epsilon", Json(config_.adamw.epsilon).dump()},
      {"max_grad_norm", Json(config_.max_grad_norm).dump()},
      {"loraplus_lr_ratio", Json(config_.loraplus_lr_ratio.value_or(1)).dump()},
      {"loss", LossText(config_)},
      {"compute", config_.compute == TrainCompute::kFast ? "fast" : "reference"},
      {"adapter's settings",
       adapter_->is_whole() ? "none" : Sha256Hex(std::as_bytes(std::span<const char>(settings)))},
      {"trained parameters", std::to_string(plan_.trained_parameters)}};
  return options;
}

double TrainingRun::EstimateSeconds() {
  using Clock = std::chrono::steady_clock;
  constexpr int kTries = 2;  // the first one also makes the workspace
  std::vector<size_t> items(
      std::min(data_->objective->size(), static_cast<size_t>(config_.per_device_train_batch_size)));
  std::iota(items.begin(), items.end(), size_t{0});
  const auto batch = data_->objective->Prepare(items, 0);
  double seconds = 0;
  for (int i = 0; i < kTries; ++i) {
    const Clock::time_point start = Clock::now();
    batch->Step(*pass_, 0);
    seconds = std::chrono::duration<double>(Clock::now() - start).count();
  }
  adapter_->ClearGradients();
  const auto epochs = static_cast<double>(plan_.total_steps - plan_.first_step) /
                      static_cast<double>(trainer_->steps_per_epoch());
  return seconds / static_cast<double>(batch->tokens()) * static_cast<double>(plan_.epoch_tokens) *
         epochs;
}

void TrainingRun::PrepareOutput() const {
  const fs::path output = config_.output_dir;
  std::error_code failed;
  if (fs::equivalent(output, FindModelFiles(config_.model_name_or_path).base, failed)) {
    throw Error(ErrorCode::kInvalidArgument, output.string(),
                "is the model that is trained; write elsewhere");
  }
  fs::create_directories(output, failed);
  if (failed) throw Error(ErrorCode::kIo, output.string(), failed.message());
  if (config_.resume) return;
  const std::vector<fs::path> old = FindCheckpoints(output);
  const bool used = !old.empty() || fs::exists(output / "adapter_model.safetensors") ||
                    fs::exists(output / "config.json") || fs::exists(BestFolder(output));
  if (!used) return;
  if (!config_.overwrite_output_dir) {
    throw Error(ErrorCode::kInvalidArgument, output.string(),
                "holds a training already: resume_from_checkpoint: true goes on with it, "
                "overwrite_output_dir: true begins anew");
  }
  // A later resumption must not find the checkpoints of another run.
  for (const fs::path& folder : old) fs::remove_all(folder);
  fs::remove_all(BestFolder(output));
  // Nor may a model be taken for the adapter that was there, or the other way round.
  for (const char* name : {"adapter_config.json", "adapter_model.safetensors", "config.json",
                           "model.safetensors", "model.safetensors.index.json"}) {
    fs::remove(output / name);
  }
}

ModelCard TrainingRun::MakeCard(const TrainingHost& host) const {
  ModelCard card;
  card.config = config_;
  card.name = fs::absolute(config_.output_dir).lexically_normal().filename().string();
  card.base_model = adapter_->is_whole() ? BaseName(config_.model_name_or_path)
                                         : adapter_->config().base_model_name_or_path;
  for (const ShippedModel& model : ShippedModels()) {
    if (model.name == card.base_model && !model.hub_id.empty()) card.base_model = model.hub_id;
  }
  if (const fs::path base = FindModelFiles(config_.model_name_or_path).base;
      base.extension() == ".gguf") {
    card.gguf_folder = UnderHome(base.parent_path());
    card.gguf_file = base.filename().string();
  }
  card.sequence_classification = model_->config().head == HeadKind::kSequenceClassification;
  card.lora_targets = adapter_->config().target_modules;
  card.trained_parameters = plan_.trained_parameters;
  card.datasets.push_back({.name = JoinedNames(config_.dataset),
                           .rows = config_.packing ? plan_.packed : plan_.items,
                           .dropped = plan_.dropped});
  if (plan_.eval_items > 0) {
    const bool own = !config_.eval_dataset.empty();
    card.datasets.push_back(
        {.name = own ? JoinedNames(config_.eval_dataset) : "held out of the above",
         .rows = config_.packing ? plan_.eval_packed : plan_.eval_items,
         .evaluation = true});
  }
  card.warmup_steps = WarmupSteps(config_.warmup_steps, config_.warmup_ratio, plan_.total_steps);
  card.processor = host.processor;
  card.num_threads = pool_->num_threads();
  card.program_version = host.program_version;
  return card;
}

TrainResult TrainingRun::Run(const TrainerEvents& events, const TrainingHost& host) {
  PrepareOutput();
  TrainingRecord record(config_, plan_.first_step);
  TrainResult result = trainer_->Run(record.Around(events));
  adapter_->Save(config_.output_dir);
  if (const ServedRecipe& served = data_->served; served.recipe) {
    // Served as it was trained.
    const fs::path output = config_.output_dir;
    const auto write = [&output](const std::string& name, const std::string& text) {
      AtomicFile file(output / name);
      file.Write(text);
      file.Commit();
    };
    if (!served.text.empty()) write(served.name, served.text);
    std::string text = "recipe: " + Json(served.name).dump() + "\n";
    const auto add = [&text](const char* key, const std::optional<int64_t>& length) {
      if (length) text += std::string(key) + ": " + std::to_string(*length) + "\n";
    };
    add("query_max_length", served.lengths.query);
    add("passage_max_length", served.lengths.passage);
    write("dear.yaml", text);
  }
  record.Finish(result, MakeCard(host));
  return result;
}

}  // namespace dear
