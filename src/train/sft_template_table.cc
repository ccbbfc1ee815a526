#include "train/sft_template_table.h"

namespace dear {
namespace {

constexpr std::string_view kImSystem = "<|im_start|>system\n{content}<|im_end|>\n";
constexpr std::string_view kImUser =
    "<|im_start|>user\n{content}<|im_end|>\n<|im_start|>assistant\n";
constexpr std::string_view kImAssistant = "{content}<|im_end|>\n";
constexpr std::string_view kInst = "[INST]{content}[/INST]";
constexpr std::string_view kSysInside = "<<SYS>>\n{content}\n<</SYS>>\n\n";
constexpr std::string_view kTurnUser =
    "<start_of_turn>user\n{content}<end_of_turn>\n<start_of_turn>model\n";

// Of models of the families that this program reads, and the general ones. Those with
// LLaMA-Factory's `efficient_eos` (gemma2, solar, falcon, …) are not here: they put the end token
// as a label on the token that follows the answer, which a mask cannot say.
constexpr SftTemplateText kTemplates[] = {
    {.name = "alpaca",
     .user = "### Instruction:\n{content}\n\n### Response:\n",
     .assistant = "{content}{eos}\n\n",
     .default_system = "Below is an instruction that describes a task. Write a response that "
                       "appropriately completes the request.\n\n"},
    {.name = "chatml",
     .system = kImSystem,
     .user = kImUser,
     .assistant = kImAssistant,
     .tokens = "<|im_end|> <|im_start|>"},
    {.name = "deepseek",
     .prefix = "{bos}",
     .system = "{content}\n\n",
     .user = "User: {content}\n\nAssistant:"},
    {.name = "deepseek3", .prefix = "{bos}", .user = "<｜User｜>{content}<｜Assistant｜>"},
    {.name = "deepseekr1",
     .prefix = "{bos}",
     .user = "<｜User｜>{content}<｜Assistant｜>",
     .thinks = true},
    {.name = "default",
     .system = "System: {content}{eos}\n",
     .user = "Human: {content}{eos}\nAssistant:",
     .assistant = "{content}{eos}\n"},
    {.name = "empty", .assistant = "{content}"},
    {.name = "gemma",
     .prefix = "{bos}",
     .system = "{content}\n\n",
     .user = kTurnUser,
     .assistant = "{content}<end_of_turn>\n",
     .tokens = "<end_of_turn>",
     .system_in_user = true},
    {.name = "llama2",
     .system = kSysInside,
     .user = "{bos}[INST] {content} [/INST]",
     .system_in_user = true},
    {.name = "llama2_zh",
     .system = kSysInside,
     .user = "{bos}[INST] {content} [/INST]",
     .default_system = "You are a helpful assistant. 你是一个乐于助人的助手。",
     .system_in_user = true},
    {.name = "llama3",
     .prefix = "{bos}",
     .system = "<|start_header_id|>system<|end_header_id|>\n\n{content}<|eot_id|>",
     .user = "<|start_header_id|>user<|end_header_id|>\n\n{content}<|eot_id|>"
             "<|start_header_id|>assistant<|end_header_id|>\n\n",
     .assistant = "{content}<|eot_id|>",
     .tokens = "<|eot_id|>"},
    {.name = "ministral",
     .prefix = "{bos}",
     .system = "{content}\n\n",
     .user = kInst,
     .system_in_user = true},
    {.name = "mistral",
     .prefix = "{bos}",
     .system = "{content}\n\n",
     .user = "[INST] {content}[/INST]",
     .assistant = " {content}{eos}",
     .system_in_user = true},
    {.name = "mistral_small",
     .prefix = "{bos}",
     .system = "[SYSTEM_PROMPT]{content}[/SYSTEM_PROMPT]",
     .user = kInst},
    {.name = "openchat",
     .prefix = "{bos}",
     .user = "GPT4 Correct User: {content}{eos}GPT4 Correct Assistant:"},
    {.name = "openchat-3.6",
     .prefix = "{bos}",
     .user = "<|start_header_id|>GPT4 Correct User<|end_header_id|>\n\n{content}<|eot_id|>"
             "<|start_header_id|>GPT4 Correct Assistant<|end_header_id|>\n\n",
     .tokens = "<|eot_id|>"},
    {.name = "plain", .system = "{content}\n", .special_tokens = true},
    {.name = "qwen",
     .system = kImSystem,
     .user = kImUser,
     .assistant = kImAssistant,
     .default_system = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
     .tokens = "<|im_end|>"},
    {.name = "qwen3",
     .system = kImSystem,
     .user = kImUser,
     .assistant = kImAssistant,
     .tokens = "<|im_end|>",
     .thinks = true},
    {.name = "qwen3_nothink",
     .system = kImSystem,
     .user = kImUser,
     .assistant = kImAssistant,
     .tokens = "<|im_end|>"},
    {.name = "smollm",
     .system = kImSystem,
     .user = kImUser,
     .assistant = kImAssistant,
     .tokens = "<|im_end|>"},
    {.name = "smollm2",
     .system = kImSystem,
     .user = kImUser,
     .assistant = kImAssistant,
     .default_system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face.",
     .tokens = "<|im_end|>"},
    {.name = "vicuna",
     .user = "USER: {content} ASSISTANT:",
     .default_system =
         "A chat between a curious user and an artificial intelligence assistant. The assistant "
         "gives helpful, detailed, and polite answers to the user's questions."},
    {.name = "yi",
     .system = kImSystem,
     .user = kImUser,
     .assistant = kImAssistant,
     .tokens = "<|im_end|>"},
    {.name = "zephyr",
     .system = "<|system|>\n{content}{eos}",
     .user = "<|user|>\n{content}{eos}<|assistant|>\n",
     .default_system = "You are Zephyr, a helpful assistant."},
};

}  // namespace

std::span<const SftTemplateText> SftTemplateTexts() {
  return kTemplates;
}

}  // namespace dear
