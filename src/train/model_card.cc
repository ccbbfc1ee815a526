#include "train/model_card.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/mapped_file.h"
#include "eval/report_text.h"
#include "train/plot_axis.h"

namespace dear {
namespace {

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// A piece without '<'. An underscore within a word is no markup, and stays legible.
std::string InlinePiece(std::string_view piece) {
  const std::string text = eval::MarkdownEscaped(piece);
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool in_word =
        i > 0 && i + 1 < text.size() && IsAlphanumeric(text[i - 1]) && IsAlphanumeric(text[i + 1]);
    if (c == '&') {
      out += "&amp;";
      continue;
    }
    if (c == '~' || c == '$' || c == '#' || (c == '_' && !in_word)) out += '\\';
    out += c;
  }
  return out;
}

// Text of others within a line: nothing in it is markup.
std::string Inline(std::string_view text) {
  std::string out;
  while (true) {
    const size_t end = text.find('<');
    out += InlinePiece(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    out += "&lt;";
    text.remove_prefix(end + 1);
  }
}

std::string Joined(std::span<const std::string> names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + Inline(name);
  return out;
}

// A string of JSON is one of YAML and, but for what no name holds, of Python.
std::string Quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// One word of a shell's command line.
std::string ShellWord(const std::string& text) {
  const auto plain = [](char c) {
    return IsAlphanumeric(c) || c == '/' || c == '.' || c == '-' || c == '_';
  };
  if (!text.empty() && text.front() != '-' && std::ranges::all_of(text, plain)) return text;
  std::string out = "'";
  for (const char c : text) {
    // A line's end would end the code block with what follows it.
    if (static_cast<unsigned char>(c) < 0x20) {
      out += ' ';
    } else {
      out += c == '\'' ? "'\\''" : std::string(1, c);
    }
  }
  return out + "'";
}

std::string Shortest(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

std::string Grouped(int64_t count) {
  std::string digits = std::to_string(count);
  for (size_t end = digits.size(); end > 3;) {
    end -= 3;
    digits.insert(end, ",");
  }
  return digits;
}

// Two columns, without a row where there is nothing to tell.
class Table {
 public:
  Table(const std::string& name, const std::string& value) : head_(name), value_head_(value) {}
  // `value` is escaped.
  void Row(const std::string& name, const std::string& value) {
    if (!value.empty()) rows_ += "| " + name + " | " + value + " |\n";
  }
  std::string Take() {
    if (rows_.empty()) return "";
    return "| " + head_ + " | " + value_head_ + " |\n|---|---|\n" + std::move(rows_) + "\n";
  }

 private:
  std::string head_;
  std::string value_head_;
  std::string rows_;
};

class Writer {
 public:
  explicit Writer(const ModelCard& card)
      : card_(card),
        config_(card.config),
        base_(card.base_model.empty() ? card.config.model_name_or_path : card.base_model),
        lora_(card.config.finetuning_type == FinetuningType::kLora) {}

  std::string Take() {
    return FrontMatter() + Introduction() + Use() + Trained() + Data() + Training() + Results();
  }

 private:
  std::string FrontMatter() const {
    std::string out = "---\nbase_model: " + Quoted(base_) +
                      "\nlibrary_name: " + (lora_ ? "peft" : "transformers") +
                      "\npipeline_tag: text-ranking\ntags:\n" + "- reranker\n";
    if (lora_) out += "- lora\n";
    return out + "- dear.cpp\n---\n\n";
  }

  std::string Learned() const {
    switch (config_.stage) {
      case TrainStage::kSft: return "the next token of the answers (`sft`)";
      case TrainStage::kPointwise: return "the scores of a query's passages (`pointwise`)";
      case TrainStage::kLikelihood: return "how likely each passage makes its query (`likelihood`)";
    }
    return "";
  }

  std::string Introduction() const {
    return "# " + Inline(card_.name) + "\n\n" +
           (lora_ ? "A LoRA adapter for " : "A reranker, trained whole from ") + Inline(base_) +
           ". It learned " + Learned() + ".\n\n";
  }

  std::string Use() const {
    return "## Use\n\nWith dear.cpp:\n\n```sh\ndear rerank -m " + ShellWord(card_.name) +
           " -q \"who invented the light bulb\" -d \"first passage\" -d \"second passage\"\n```\n\n"
           "With " +
           (lora_ ? "PEFT" : "transformers") + ":\n\n```python\n" + PythonLines() + "```\n\n";
  }

  std::string PythonLines() const {
    const std::string kind = card_.sequence_classification ? "AutoModelForSequenceClassification"
                                                           : "AutoModelForCausalLM";
    std::string out = lora_ ? "from peft import PeftModel\n" : "";
    out += "from transformers import " + kind + ", AutoTokenizer\n\n";
    std::string from = Quoted(lora_ ? base_ : card_.name);
    if (lora_ && !card_.gguf_file.empty()) {
      out = "from pathlib import Path\n\n" + out + "base = Path(" + Quoted(card_.gguf_folder) +
            ").expanduser()\n";
      from = "base, gguf_file=" + Quoted(card_.gguf_file);
    }
    out += "tokenizer = AutoTokenizer.from_pretrained(" + from + ")\nmodel = " + kind +
           ".from_pretrained(" + from;
    if (card_.sequence_classification && lora_) {
      out += ", num_labels=" + std::to_string(card_.num_labels);
    }
    out += ")\n";
    if (lora_) out += "model = PeftModel.from_pretrained(model, " + Quoted(card_.name) + ")\n";
    return out + "model.eval()\n";
  }

  std::string Parameters() const {
    if (card_.trained_parameters <= 0) return "";
    std::string out = Grouped(card_.trained_parameters);
    if (card_.total_parameters > 0) {
      const double share = 100 * static_cast<double>(card_.trained_parameters) /
                           static_cast<double>(card_.total_parameters);
      out += " of " + Grouped(card_.total_parameters) + " (" + FigureText(share) + " %)";
    }
    return out;
  }

  std::string Variant() const {
    std::string out;
    if (config_.use_rslora) out = "rsLoRA";
    if (config_.use_dora) out += std::string(out.empty() ? "" : ", ") + "DoRA";
    return out;
  }

  std::string BaseWeights() const {
    if (!config_.quantized) return "";
    return std::string(config_.nf4 ? "NF4" : "FP4") +
           (config_.double_quantization ? ", double quantisation" : "");
  }

  std::string Trained() const {
    Table table("what was trained", "");
    if (lora_) {
      table.Row("rank (r)", std::to_string(config_.lora_rank));
      table.Row("alpha", Shortest(config_.lora_alpha));
      table.Row("dropout", Shortest(config_.lora_dropout));
      table.Row("targets",
                Joined(card_.lora_targets.empty() ? config_.lora_target : card_.lora_targets));
      table.Row("trained whole", Joined(config_.additional_target));
      table.Row("variant", Variant());
      table.Row("began with the adapter", Inline(config_.adapter_name_or_path));
    } else {
      table.Row("weights", "all");
    }
    table.Row("trained parameters", Parameters());
    table.Row("the base's weights", BaseWeights());
    return "## Model\n\n" + table.Take();
  }

  std::string Data() const {
    if (card_.datasets.empty()) return "";
    std::string out = "## Data\n\n| dataset | for | rows | dropped |\n|---|---|---:|---:|\n";
    for (const ModelCardDataset& dataset : card_.datasets) {
      out += "| " + Inline(dataset.name) + " | " +
             (dataset.evaluation ? "evaluation" : "training") + " | " + Grouped(dataset.rows) +
             " | " + Grouped(dataset.dropped) + " |\n";
    }
    return out + "\n";
  }

  std::string Batch() const {
    const int64_t batch = config_.per_device_train_batch_size;
    const int64_t accumulation = config_.gradient_accumulation_steps;
    if (accumulation == 1) return std::to_string(batch);
    return std::to_string(batch * accumulation) + " (" + std::to_string(accumulation) + " times " +
           std::to_string(batch) + ")";
  }

  std::string ScheduleText() const {
    return Inline(config_.schedule.name) +
           (card_.warmup_steps > 0
                ? ", " + eval::Counted(card_.warmup_steps, "step", "steps") + " of warm-up"
                : "");
  }

  std::string Optimizer() const {
    const AdamWOptions& adamw = config_.adamw;
    return "AdamW, betas " + Shortest(adamw.beta1) + " and " + Shortest(adamw.beta2) +
           ", epsilon " + Shortest(adamw.epsilon) + ", weight decay " +
           Shortest(adamw.weight_decay);
  }

  std::string Losses() const {
    std::string out;
    for (const WeightedLoss& loss : config_.ranking.losses) {
      out += (out.empty() ? "" : " + ") + (loss.weight == 1 ? "" : Shortest(loss.weight) + " ") +
             Inline(loss.name);
    }
    if (config_.ranking.kl_weight > 0) {
      out += "; distilled with weight " + Shortest(config_.ranking.kl_weight) + " at temperature " +
             Shortest(config_.ranking.temperature);
    }
    return out;
  }

  void Input(Table* table) const {
    if (config_.stage == TrainStage::kSft) {
      table->Row("template", Inline(config_.chat_template));
      table->Row("tokens of a sequence, at most", std::to_string(config_.cutoff_len));
      table->Row("packing", config_.packing ? "yes" : "");
      return;
    }
    table->Row("loss", Losses());
    table->Row("passages of a query", std::to_string(config_.passages_per_query));
    if (config_.query_max_length) {
      table->Row("tokens of a query, at most", std::to_string(*config_.query_max_length));
    }
    if (config_.passage_max_length) {
      table->Row("tokens of a passage, at most", std::to_string(*config_.passage_max_length));
    }
    table->Row("recipe", Inline(config_.recipe));
  }

  std::string Training() const {
    Table table("setting", "");
    Input(&table);
    table.Row("learning rate", Shortest(config_.learning_rate));
    table.Row("LoRA+ ratio", config_.loraplus_lr_ratio ? Shortest(*config_.loraplus_lr_ratio) : "");
    table.Row("schedule", ScheduleText());
    table.Row("optimizer", Optimizer());
    table.Row("gradient norm, at most",
              config_.max_grad_norm > 0 ? Shortest(config_.max_grad_norm) : "");
    table.Row("moving average, decay", config_.ema_decay ? Shortest(*config_.ema_decay) : "");
    table.Row("batch", Batch());
    table.Row("epochs", Shortest(card_.epochs));
    table.Row("steps", Grouped(card_.num_steps));
    table.Row("seed", std::to_string(config_.seed));
    table.Row("compute", config_.compute == TrainCompute::kFast ? "fast" : "reference");
    return "## Training\n\n" + table.Take();
  }

  std::string Results() const {
    Table table("figure", "");
    const auto figure = [&](const std::string& name, const std::optional<double>& value) {
      table.Row(name, value ? FigureText(*value) : "");
    };
    figure("loss at the beginning", card_.first_loss);
    figure("loss at the end", card_.final_loss);
    figure("loss, mean of all steps", card_.mean_loss);
    for (const auto& [name, value] : card_.evaluations) figure(Inline(name), value);
    table.Row("tokens", card_.num_tokens > 0 ? Grouped(card_.num_tokens) : "");
    table.Row("time", card_.seconds > 0 ? eval::Seconds(card_.seconds) : "");
    if (card_.seconds > 0 && card_.num_tokens > 0) {
      figure("tokens a second", static_cast<double>(card_.num_tokens) / card_.seconds);
    }
    table.Row("processor", Processor());
    table.Row("program",
              card_.program_version.empty() ? "" : "dear.cpp " + Inline(card_.program_version));
    std::string out = "## Results\n\n" + table.Take();
    for (const std::string& file : card_.figures) {
      out += "![" + Inline(file) + "](<" + LinkTarget(file) + ">)\n\n";
    }
    out.pop_back();
    return out;
  }

  std::string Processor() const {
    if (card_.processor.empty() || card_.num_threads <= 0) return Inline(card_.processor);
    return Inline(card_.processor) + ", " + eval::Counted(card_.num_threads, "thread", "threads");
  }

  // Between < and > only these and line ends mean something.
  static std::string LinkTarget(const std::string& file) {
    std::string out;
    for (const char c : file) {
      if (c == '<' || c == '>' || c == '\\') out += '\\';
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return out;
  }

  const ModelCard& card_;
  const TrainConfig& config_;
  std::string base_;
  bool lora_;
};

}  // namespace

std::string ModelCardText(const ModelCard& card) {
  return Writer(card).Take();
}

void WriteModelCard(const std::filesystem::path& folder, const ModelCard& card) {
  const std::string text = ModelCardText(card);
  WriteFileAtomically(folder / "README.md", std::as_bytes(std::span(text)));
}

}  // namespace dear
