#include "train/train_config_keys.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace dear {
namespace {

constexpr std::string_view kNoCode = "no code of a model is run";
constexpr std::string_view kNoCache = "nothing is cached between runs";
constexpr std::string_view kNoWorkers = "data is read by the program itself";
constexpr std::string_view kSameNumbers = "speed or memory only, the numbers are the same";
constexpr std::string_view kOneProcess = "one process trains";
constexpr std::string_view kNoImages = "models are of text alone";
constexpr std::string_view kOutput = "what is printed is the program's own";
constexpr std::string_view kLocal = "nothing is downloaded or uploaded";

constexpr KeyNote kIgnored[] = {
    {"trust_remote_code", kNoCode},
    {"use_fast_tokenizer", "there is one tokenizer"},
    {"low_cpu_mem_usage", "weights are mapped"},
    {"overwrite_cache", kNoCache},
    {"preprocessing_num_workers", kNoWorkers},
    {"preprocessing_batch_size", "it says what is packed together, and nothing is packed"},
    {"dataloader_num_workers", kNoWorkers},
    {"dataloader_pin_memory", kNoWorkers},
    {"dataloader_persistent_workers", kNoWorkers},
    {"dataloader_prefetch_factor", kNoWorkers},
    {"dataloader_in_order", kNoWorkers},
    {"dataloader_multiprocessing_context", kNoWorkers},
    {"data_shared_file_system", kNoWorkers},
    {"remove_unused_columns", kNoWorkers},
    {"ddp_timeout", kOneProcess},
    {"ddp_find_unused_parameters", kOneProcess},
    {"ddp_bucket_cap_mb", kOneProcess},
    {"ddp_backend", kOneProcess},
    {"ddp_broadcast_buffers", kOneProcess},
    {"ddp_static_graph", kOneProcess},
    {"average_tokens_across_devices", kOneProcess},
    {"master_addr", kOneProcess},
    {"master_port", kOneProcess},
    {"local_rank", kOneProcess},
    {"save_on_each_node", kOneProcess},
    {"flash_attn", kSameNumbers},
    {"gradient_checkpointing", kSameNumbers},
    {"gradient_checkpointing_kwargs", kSameNumbers},
    {"disable_gradient_checkpointing", kSameNumbers},
    {"activation_checkpointing", kSameNumbers},
    {"activation_checkpointing_kwargs", kSameNumbers},
    {"use_reentrant_gc", kSameNumbers},
    {"use_unsloth_gc", kSameNumbers},
    {"enable_liger_kernel", kSameNumbers},
    {"use_liger_kernel", kSameNumbers},
    {"liger_kernel_config", kSameNumbers},
    {"torch_empty_cache_steps", kSameNumbers},
    {"use_cache", kSameNumbers},
    {"tf32", kSameNumbers},
    {"save_safetensors", "what is saved is always safetensors"},
    {"full_determinism", "every run is deterministic"},
    {"ignore_pad_token_for_loss", "padding never counts"},
    {"media_dir", kNoImages},
    {"image_max_pixels", kNoImages},
    {"image_min_pixels", kNoImages},
    {"video_max_pixels", kNoImages},
    {"video_min_pixels", kNoImages},
    {"freeze_vision_tower", kNoImages},
    {"freeze_multi_modal_projector", kNoImages},
    {"log_level", kOutput},
    {"log_level_replica", kOutput},
    {"log_on_each_node", kOutput},
    {"logging_first_step", kOutput},
    {"disable_tqdm", kOutput},
    {"run_name", kOutput},
    {"project", kOutput},
    {"logging_nan_inf_filter", kOutput},
    {"print_param_status", kOutput},
    {"include_num_input_tokens_seen", kOutput},
    {"include_tokens_per_second", kOutput},
    {"include_effective_tokens_per_second", kOutput},
    {"skip_memory_metrics", kOutput},
    {"hf_hub_token", kLocal},
    {"ms_hub_token", kLocal},
    {"om_hub_token", kLocal},
};

constexpr std::string_view kRemove = "remove it";
constexpr std::string_view kOneDevice = "one device trains; remove it";
constexpr std::string_view kBf16 = "use bf16";
constexpr std::string_view kAdamW = "use optim: adamw_torch";
constexpr std::string_view kReport = "use report_to: none or tensorboard";
constexpr std::string_view kStages = "stages are sft, pointwise and likelihood";
constexpr std::string_view kGenerate = "use `dear rerank` with the trained adapter";
constexpr std::string_view kExport = "use `dear merge` with the trained adapter";
constexpr std::string_view kPlainLora = "use plain LoRA, use_rslora or use_dora";
constexpr std::string_view kLoraOrFull = "use finetuning_type: lora or full";
constexpr std::string_view kWholeVocabulary = "the vocabulary stays as it is";

constexpr KeyNote kUnsupported[] = {
    {"deepspeed", kOneDevice},
    {"fsdp*", kOneDevice},
    {"parallelism_config", kOneDevice},
    {"accelerator_config", kOneDevice},
    {"ray_*", kOneDevice},
    {"use_ray", kOneDevice},
    {"use_hyper_parallel", kOneDevice},
    {"hyper_parallel_args", kOneDevice},
    {"use_mca", kOneDevice},
    {"use_kt", kOneDevice},
    {"kt_*", kOneDevice},
    {"device_map", kOneDevice},
    {"quantization_device_map", kOneDevice},
    {"fp16", kBf16},
    {"pure_bf16", kBf16},
    {"fp8*", kBf16},
    {"bf16_full_eval", kRemove},
    {"fp16_full_eval", kRemove},
    {"infer_*", kRemove},
    {"use_galore", kAdamW},
    {"galore_*", kAdamW},
    {"use_apollo", kAdamW},
    {"apollo_*", kAdamW},
    {"use_badam", kAdamW},
    {"badam_*", kAdamW},
    {"use_adam_mini", kAdamW},
    {"use_muon", kAdamW},
    {"optim_args", kAdamW},
    {"optim_target_modules", kAdamW},
    {"use_swanlab", kReport},
    {"swanlab_*", kReport},
    {"trackio_*", kReport},
    {"push_to_hub", kRemove},
    {"hub_*", kRemove},
    {"pissa_*", kPlainLora},
    {"oft_*", kPlainLora},
    {"module_dropout", kPlainLora},
    {"create_new_adapter", "the adapter given is trained on; merge it first for a new one"},
    {"adapter_folder", "give the adapter's own folder as adapter_name_or_path"},
    {"freeze_trainable_*", kLoraOrFull},
    {"freeze_extra_modules", kLoraOrFull},
    {"freeze_language_model", kLoraOrFull},
    {"use_llama_pro", kLoraOrFull},
    {"train_from_scratch", kRemove},
    {"pref_*", kStages},
    {"dpo_*", kStages},
    {"kto_*", kStages},
    {"simpo_*", kStages},
    {"ppo_*", kStages},
    {"ref_model*", kStages},
    {"reward_model*", kStages},
    {"ld_alpha", kStages},
    {"use_dft_loss", "the loss of sft is cross-entropy"},
    {"use_asft_loss", "the loss of sft is cross-entropy"},
    {"asft_alpha", "the loss of sft is cross-entropy"},
    {"use_eaft_loss", "the loss of sft is cross-entropy"},
    {"eaft_alpha", "the loss of sft is cross-entropy"},
    {"label_smoothing_factor", "the loss of sft is cross-entropy"},
    {"neftune_noise_alpha", kRemove},
    {"do_predict", kGenerate},
    {"predict_with_generate", kGenerate},
    {"do_sample", kGenerate},
    {"top_p", kGenerate},
    {"top_k", kGenerate},
    {"num_beams", kGenerate},
    {"eval_num_beams", kGenerate},
    {"max_length", kGenerate},
    {"max_new_tokens", kGenerate},
    {"repetition_penalty", kGenerate},
    {"length_penalty", kGenerate},
    {"skip_special_tokens", kGenerate},
    {"generation_*", kGenerate},
    {"vllm_*", kGenerate},
    {"sglang_*", kGenerate},
    {"offload_folder", kRemove},
    {"use_kv_cache", kRemove},
    {"use_v1_kernels", kRemove},
    {"export_*", kExport},
    {"resize_vocab", kWholeVocabulary},
    {"add_tokens", kWholeVocabulary},
    {"add_special_tokens", kWholeVocabulary},
    {"new_special_tokens_config", kWholeVocabulary},
    {"init_special_tokens", kWholeVocabulary},
    {"split_special_tokens", kWholeVocabulary},
    {"rope_scaling", "set it in the model's config.json"},
    {"shift_attn", kRemove},
    {"mixture_of_depths", kRemove},
    {"use_unsloth", kRemove},
    {"moe_aux_loss_coef", kRemove},
    {"upcast_layernorm", kRemove},
    {"upcast_lmhead_output", kRemove},
    {"block_diag_attn", "use neat_packing"},
    {"model_max_length", "use cutoff_len"},
    {"model_revision", "give the model's folder as model_name_or_path"},
    {"cache_dir", "set the environment variable HF_HUB_CACHE"},
    {"streaming", "datasets are read whole"},
    {"buffer_size", "datasets are read whole"},
    {"max_shard_size", kRemove},
    {"tokenized_path", kRemove},
    {"mix_strategy", "datasets are joined one after the other"},
    {"interleave_probs", "datasets are joined one after the other"},
    {"eval_on_each_dataset", "evaluation datasets are joined"},
    {"tool_format", "examples have no tools"},
    {"default_system", "give every example its system message"},
    {"enable_thinking", kRemove},
    {"preserve_thinking", kRemove},
    {"data_seed", "seed serves the data, too"},
    {"dataloader_drop_last", kRemove},
    {"train_sampling_strategy", "use disable_shuffling, or nothing"},
    {"group_by_length", kRemove},
    {"auto_find_batch_size", "use memory_budget"},
    {"torch_compile*", kRemove},
    {"ignore_data_skip", kRemove},
    {"compute_accuracy", kRemove},
    {"eval_on_start", kRemove},
    {"eval_delay", kRemove},
    {"eval_accumulation_steps", kRemove},
    {"eval_do_concat_batches", kRemove},
    {"eval_use_gather_object", kRemove},
    {"batch_eval_metrics", kRemove},
    {"include_for_metrics", kRemove},
    {"prediction_loss_only", kRemove},
    {"label_names", kRemove},
    {"length_column_name", kRemove},
    {"debug", kRemove},
    {"enable_jit_checkpoint", kRemove},
    {"restore_callback_states_from_checkpoint", kRemove},
    {"enable_torch_profiler", kRemove},
    {"profile*", kRemove},
    {"use_cpu", "use compute"},
    {"compute_dtype", "use compute"},
    {"image_do_pan_and_scan", "models are of text alone; remove it"},
    {"crop_to_patches", "models are of text alone; remove it"},
    {"video_*", "models are of text alone; remove it"},
    {"audio_*", "models are of text alone; remove it"},
    {"use_audio_in_video", "models are of text alone; remove it"},
};

bool Matches(std::string_view pattern, std::string_view key) {
  if (!pattern.ends_with('*')) return pattern == key;
  pattern.remove_suffix(1);
  return key.starts_with(pattern);
}

const KeyNote* Find(std::span<const KeyNote> notes, std::string_view key) {
  const auto found =
      std::ranges::find_if(notes, [&](const KeyNote& note) { return Matches(note.key, key); });
  return found == notes.end() ? nullptr : &*found;
}

// Levenshtein's.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

const KeyNote* FindIgnoredKey(std::string_view key) {
  return Find(kIgnored, key);
}

const KeyNote* FindUnsupportedKey(std::string_view key) {
  return Find(kUnsupported, key);
}

std::string NearestKey(std::string_view key, std::span<const std::string> keys) {
  constexpr size_t kLongest = 64;  // no key is longer, and strangers' keys may be
  if (key.size() > kLongest) return "";
  size_t best_distance = std::max<size_t>(2, key.size() / 3) + 1;
  std::string best;
  const auto consider = [&](std::string_view candidate) {
    const size_t distance = Distance(key, candidate);
    if (distance >= best_distance) return;
    best_distance = distance;
    best = candidate;
  };
  for (const std::string& candidate : keys) consider(candidate);
  for (const KeyNote& note : kIgnored) consider(note.key);
  return best;
}

}  // namespace dear
