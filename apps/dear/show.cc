// dear show: what a model is, from its files, without loading it.
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>

#include "api/loaded_model.h"
#include "base/error.h"
#include "command.h"
#include "json_output.h"
#include "rank/recipe.h"
#include "standard_output.h"
#include "terminal.h"

namespace dear::app {
namespace {

struct ShowOptions {
  std::string model;
  std::string base;
  bool tensors = false;
  bool json = false;
};

OrderedJson Ids(const std::vector<int64_t>& ids) {
  return ids;
}

std::string RopeName(const RopeConfig& rope) {
  if (!rope.frequency_divisors.empty()) return "divisors in the file";
  switch (rope.kind) {
    case RopeKind::kDefault: return "none";
    case RopeKind::kLinear: return "linear";
    case RopeKind::kLlama3: return "llama3";
    case RopeKind::kYarn: return "yarn";
  }
  return "";
}

struct Tensors {
  size_t count = 0;
  uint64_t bytes = 0;
  int64_t parameters = 0;
  std::map<std::string, size_t> dtypes;
};

Tensors Count(const TensorSource& source) {
  Tensors all;
  for (const std::string& name : source.Names()) {
    const Tensor tensor = source.Get(name);
    ++all.count;
    all.bytes += tensor.bytes.size();
    all.parameters += tensor.elements();
    ++all.dtypes[std::string(DTypeName(tensor.dtype))];
  }
  return all;
}

// Keys and values of a full context in f32, which is how the cache holds them.
uint64_t CacheBytes(const ModelConfig& config) {
  return static_cast<uint64_t>(2 * config.num_layers * config.num_kv_heads * config.head_dim) * 4 *
         static_cast<uint64_t>(config.max_positions);
}

std::vector<std::string> Unusual(const OpenedModel& opened) {
  const ModelConfig& config = opened.checkpoint.config;
  std::vector<std::string> notes;
  const auto add = [&notes](bool is, std::string what) {
    if (is) notes.push_back(std::move(what));
  };
  const auto window = std::ranges::max_element(config.sliding_windows);
  add(window != config.sliding_windows.end() && *window > 0, "sliding window attention");
  add(config.head_dim * config.num_heads != config.hidden_size,
      "heads wider or narrower than the hidden size");
  add(config.mlp_bias, "biases in the MLP");
  add(config.o_bias, "a bias in the attention's output");
  add(RopeName(config.rope) != "none", "rope scaling: " + RopeName(config.rope));
  add(config.bitsandbytes.has_value(), "weights quantised by bitsandbytes");
  add(opened.checkpoint.generation.repetition_penalty.value_or(1) != 1,
      "generation_config.json sets a repetition penalty, which greedy text follows");
  for (const auto& [name, adapter] : opened.adapters) {
    const LoraConfig& lora = adapter.config;
    add(lora.use_dora, "adapter with DoRA");
    add(lora.use_rslora, "adapter with rank-stabilised scaling");
    add(lora.fan_in_fan_out, "adapter with fan_in_fan_out");
    add(lora.lora_bias || lora.bias != "none", "adapter with biases");
    add(!lora.rank_pattern.empty() || !lora.alpha_pattern.empty(),
        "adapter with ranks or scalings by module");
    add(!lora.modules_to_save.empty(), "adapter that brings whole modules");
    add(!lora.layers_to_transform.empty(), "adapter of some layers only");
  }
  return notes;
}

OrderedJson AdapterJson(const std::string& name, const PeftAdapter& adapter) {
  const LoraConfig& lora = adapter.config;
  const Tensors tensors = Count(*adapter.tensors);
  OrderedJson out;
  out["name"] = name;
  out["path"] = adapter.path.string();
  out["base_model_name_or_path"] = lora.base_model_name_or_path;
  out["task_type"] = lora.task_type;
  out["r"] = lora.r;
  out["lora_alpha"] = lora.lora_alpha;
  if (lora.all_linear) {
    out["target_modules"] = "all-linear";
  } else if (lora.target_regex) {
    out["target_modules"] = *lora.target_regex;
  } else {
    out["target_modules"] = lora.target_modules;
  }
  out["tensors"] = tensors.count;
  out["parameters"] = tensors.parameters;
  out["bytes"] = tensors.bytes;
  return out;
}

// What ranking would take without --recipe. A recipe that the files name and that does not load is
// an error here as there; that none fits the model is a fact about it.
void AddRecipe(const OpenedModel& opened, OrderedJson* out) {
  DetectedRecipe recipe;
  try {
    recipe = opened.Detect(opened.adapters.empty() ? nullptr : &opened.adapters.front().second);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) throw;
    (*out)["recipe"] = nullptr;
    (*out)["recipe_why"] = error.what();
    return;
  }
  (void)recipe.Load();  // what its file says is only known to be a recipe then
  (*out)["recipe"] = recipe.name;
  (*out)["recipe_why"] = recipe.why;
}

OrderedJson Describe(const OpenedModel& opened, const ShowOptions& options) {
  const Checkpoint& checkpoint = opened.checkpoint;
  const ModelConfig& config = checkpoint.config;
  const Tensors tensors = Count(*checkpoint.tensors);
  OrderedJson out;
  out["name"] = options.model;
  out["kind"] = opened.files.adapter ? "adapter" : "model";
  out["path"] = (opened.files.adapter ? *opened.files.adapter : checkpoint.path).string();
  out["base"] = checkpoint.path.string();
  out["container"] = checkpoint.gguf ? "gguf" : "safetensors";
  out["family"] = config.family;
  out["head"] = config.head == HeadKind::kCausalLm ? "causal_lm" : "sequence_classification";
  if (config.head == HeadKind::kSequenceClassification) out["labels"] = config.num_labels;
  AddRecipe(opened, &out);
  out["parameters"] = tensors.parameters;
  out["layers"] = config.num_layers;
  out["hidden_size"] = config.hidden_size;
  out["intermediate_size"] = config.intermediate_size;
  out["heads"] = config.num_heads;
  out["kv_heads"] = config.num_kv_heads;
  out["head_dim"] = config.head_dim;
  out["vocab_size"] = config.vocab_size;
  out["context"] = config.max_positions;
  out["rope_theta"] = config.rope.theta;
  out["rope_scaling"] = RopeName(config.rope);
  out["tied_embeddings"] = config.tie_word_embeddings;
  out["eos_ids"] = Ids(config.eos_ids);
  out["tensors"] = tensors.count;
  out["dtypes"] = tensors.dtypes;
  out["memory"] = {{"weights_bytes", tensors.bytes},
                   {"cache_bytes_full_context", CacheBytes(config)}};
  out["adapters"] = OrderedJson::array();
  for (const auto& [name, adapter] : opened.adapters)
    out["adapters"].push_back(AdapterJson(name, adapter));
  out["unusual"] = Unusual(opened);
  if (options.tensors) {
    out["tensor_list"] = OrderedJson::array();
    for (const std::string& name : checkpoint.tensors->Names()) {
      const Tensor tensor = checkpoint.tensors->Get(name);
      out["tensor_list"].push_back(
          {{"name", name}, {"dtype", DTypeName(tensor.dtype)}, {"shape", tensor.shape}});
    }
  }
  return out;
}

std::string Millions(int64_t parameters) {
  char text[32];
  const auto count = static_cast<double>(parameters);
  std::snprintf(text, sizeof text, count >= 1e9 ? "%.2f billion" : "%.1f million",
                count >= 1e9 ? count / 1e9 : count / 1e6);
  return text;
}

void PrintTable(const OrderedJson& facts) {
  const Terminal terminal = Terminal::Of(STDOUT_FILENO);
  const auto line = [&terminal](const std::string& what, const std::string& value) {
    Print(terminal.Styled("1", PadRight(what, 14)) + value + "\n");
  };
  const auto text = [](const OrderedJson& value) {
    return value.is_string() ? value.get<std::string>() : Dump(value);
  };
  line(facts["kind"] == "adapter" ? "adapter" : "model", text(facts["path"]));
  if (facts["kind"] == "adapter") line("base", text(facts["base"]));
  line("family",
       text(facts["family"]) + ", " +
           (facts["head"] == "causal_lm" ? "language model"
                                         : "classifier of " + text(facts["labels"]) + " label(s)") +
           ", " + Millions(facts["parameters"].get<int64_t>()) + " parameters");
  line("recipe", (facts["recipe"].is_null() ? "none" : text(facts["recipe"])) + "  (" +
                     text(facts["recipe_why"]) + ")");
  line("shape", text(facts["layers"]) + " layers, hidden " + text(facts["hidden_size"]) + ", MLP " +
                    text(facts["intermediate_size"]) + ", " + text(facts["heads"]) + " heads (" +
                    text(facts["kv_heads"]) + " for keys and values) of " +
                    text(facts["head_dim"]));
  line("vocabulary", text(facts["vocab_size"]) +
                         (facts["tied_embeddings"].get<bool>() ? ", tied to the output" : ""));
  line("context", text(facts["context"]) + " tokens");
  std::string dtypes;
  for (const auto& [dtype, count] : facts["dtypes"].items())
    dtypes += (dtypes.empty() ? "" : ", ") + Dump(count) + " " + dtype;
  line("tensors", text(facts["tensors"]) + " (" + dtypes + ")");
  const OrderedJson& memory = facts["memory"];
  line("memory", HumanBytes(memory["weights_bytes"].get<uint64_t>()) + " weights, and up to " +
                     HumanBytes(memory["cache_bytes_full_context"].get<uint64_t>()) +
                     " for a full context");
  for (const OrderedJson& adapter : facts["adapters"]) {
    line("adapter", text(adapter["name"]) + ": r " + text(adapter["r"]) + ", alpha " +
                        text(adapter["lora_alpha"]) + ", on " + text(adapter["target_modules"]) +
                        ", " + HumanBytes(adapter["bytes"].get<uint64_t>()));
  }
  for (const OrderedJson& note : facts["unusual"]) line("unusual", text(note));
  if (!facts.contains("tensor_list")) return;
  std::vector<std::vector<std::string>> rows;
  for (const OrderedJson& tensor : facts["tensor_list"])
    rows.push_back({text(tensor["name"]), text(tensor["dtype"]), text(tensor["shape"])});
  Print(Columns(rows));
}

int Show(const ShowOptions& options) {
  LoadRequest request;
  request.model = options.model;
  request.base = options.base;
  const OrderedJson facts = Describe(OpenModel(request), options);
  if (options.json) {
    Print(Dump(facts, 2) + "\n");
  } else {
    PrintTable(facts);
  }
  return 0;
}

}  // namespace

void AddShow(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<ShowOptions>();
  CLI::App* command =
      AddCommand(app, globals, "show", "Tells what a model or an adapter is, from its files",
                 "  dear show smollm2-135m-instruct\n"
                 "  dear show path/to/adapter --json\n"
                 "  dear show model.gguf --tensors");
  command
      ->add_option("model", options->model,
                   "A model or an adapter, as -m of other commands takes it")
      ->required();
  command->add_option("--base", options->base, "The base of the adapter");
  command->add_flag("--tensors", options->tensors, "List every tensor");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &globals] { globals.run = [options] { return Show(*options); }; });
}

}  // namespace dear::app
