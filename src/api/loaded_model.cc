#include "api/loaded_model.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "base/sha256.h"
#include "hub/hub_cache.h"
#include "model/fingerprint.h"

namespace dear {
namespace fs = std::filesystem;
namespace {

// A classifier's adapter on a plain language model: the head is the adapter's own.
void TakeHeadFromAdapter(const PeftAdapter& adapter, ModelConfig& config) {
  if (adapter.config.task_type != "SEQ_CLS") return;
  config.head = HeadKind::kSequenceClassification;
  if (!adapter.tensors->Contains("score.weight")) return;
  const Tensor score = adapter.tensors->Get("score.weight");
  if (score.shape.size() != 2 || score.shape[0] < 1)
    throw Error(ErrorCode::kInvalidFormat, score.Where(),
                "has shape " + score.ShapeString() + ", expected [labels, hidden]");
  config.num_labels = score.shape[0];
}

std::string FolderName(const fs::path& path) {
  const fs::path name = path.filename();
  return (name.empty() ? path.parent_path().filename() : name).string();
}

// A hub snapshot's folder is named by its commit; the id says more.
std::string DefaultAdapterName(const std::string& given, const fs::path& path) {
  return fs::exists(given) ? FolderName(fs::absolute(path)) : FolderName(given);
}

}  // namespace

NamedAdapter ParseNamedAdapter(std::string_view text) {
  const size_t equals = text.find('=');
  // A path may hold "=" as well: a name has no slash in it.
  if (equals == std::string_view::npos ||
      text.substr(0, equals).find('/') != std::string_view::npos)
    return {.name = "", .path = std::string(text)};
  if (equals == 0 || equals + 1 == text.size())
    throw Error(ErrorCode::kInvalidArgument, "adapter",
                "expected NAME=PATH, not '" + std::string(text) + "'");
  return {.name = std::string(text.substr(0, equals)),
          .path = std::string(text.substr(equals + 1))};
}

WeightForm ParseWeightForm(std::string_view name) {
  static constexpr std::pair<std::string_view, WeightForm> kForms[] = {
      {"auto", WeightForm::kAuto}, {"f32", WeightForm::kF32}, {"bf16", WeightForm::kBF16},
      {"int8", WeightForm::kInt8}, {"nf4", WeightForm::kNf4}, {"fp4", WeightForm::kFp4},
      {"q8", WeightForm::kQ8_0},   {"q4", WeightForm::kQ4_0}};
  for (const auto& [form_name, form] : kForms)
    if (name == form_name) return form;
  throw Error(ErrorCode::kInvalidArgument, "dtype",
              "'" + std::string(name) + "' is none of auto, f32, bf16, int8, nf4, fp4, q8, q4");
}

std::shared_ptr<const Adapter> LoadedModel::FindAdapter(std::string_view name) const {
  if (name == "base") return nullptr;
  if (name.empty()) return adapters.empty() ? nullptr : adapters.front();
  std::string known = "base";
  for (const auto& adapter : adapters) {
    if (adapter->name() == name) return adapter;
    known += ", " + adapter->name();
  }
  throw Error(ErrorCode::kNotFound, "adapter '" + std::string(name) + "'",
              "is not loaded; there are: " + known);
}

OpenedModel OpenModel(const LoadRequest& request) {
  OpenedModel opened;
  opened.files = FindModelFiles(request.model, request.base);
  opened.checkpoint = OpenCheckpoint(opened.files.base);
  if (opened.files.adapter) {
    opened.adapters.emplace_back(DefaultAdapterName(request.model, *opened.files.adapter),
                                 OpenPeftAdapter(*opened.files.adapter));
  }
  for (const NamedAdapter& adapter : request.adapters) {
    const fs::path path = ResolveModel(adapter.path);
    const std::string name =
        adapter.name.empty() ? DefaultAdapterName(adapter.path, path) : adapter.name;
    const bool taken =
        std::ranges::any_of(opened.adapters, [&](const auto& a) { return a.first == name; });
    if (taken || name == "base")
      throw Error(ErrorCode::kInvalidArgument, "adapter '" + name + "'",
                  "the name is taken; give another as NAME=PATH");
    opened.adapters.emplace_back(name, OpenPeftAdapter(path));
  }
  for (const auto& [name, adapter] : opened.adapters)
    TakeHeadFromAdapter(adapter, opened.checkpoint.config);
  return opened;
}

namespace {

DetectedRecipe DetectFor(const ModelFiles& files, const ModelConfig& config,
                         const LoraConfig* adapter, const fs::path& adapter_folder) {
  // The name is the adapter's where it is one: of the base alone it says nothing.
  const bool of_base_alone = files.adapter && adapter == nullptr;
  ModelFacts facts{.name = of_base_alone ? files.base.lexically_normal().string() : files.name,
                   .config = &config,
                   .adapter = adapter,
                   .model_folder = {},
                   .adapter_folder = adapter_folder};
  if (fs::is_directory(files.base)) facts.model_folder = files.base;
  return DetectRecipe(facts);
}

}  // namespace

DetectedRecipe OpenedModel::Detect(const PeftAdapter* adapter) const {
  return DetectFor(files, checkpoint.config, adapter ? &adapter->config : nullptr,
                   adapter ? adapter->path : fs::path());
}

DetectedRecipe LoadedModel::Detect(const Adapter* adapter) const {
  for (size_t i = 0; i < adapters.size(); ++i) {
    if (adapters[i].get() == adapter)
      return DetectFor(files, model->config(), &adapter->config(), adapter_folders[i]);
  }
  return DetectFor(files, model->config(), nullptr, {});
}

std::shared_ptr<LanguageModel> LoadedModel::MakeLanguageModel(
    std::shared_ptr<const Adapter> adapter) const {
  return std::make_shared<ModelLanguageModel>(ModelLanguageModel::Parts{
      .model = model,
      .adapter = std::move(adapter),
      .tokenizer = tokenizer,
      .pool = pool,
      .repetition_penalty = checkpoint.generation.repetition_penalty.value_or(1),
      .prefixes = prefixes});
}

namespace {

// `first`: a model whose threads, and weights where it stands on the same base, are used; or null.
LoadedModel LoadWith(const LoadRequest& request, const LoadedModel* first) {
  const auto begin = std::chrono::steady_clock::now();
  PackedCache packed(request.packed, FindModelFiles(request.model, request.base).base,
                     request.options);
  OpenedModel opened = OpenModel(request);
  LoadedModel loaded;
  loaded.files = std::move(opened.files);
  loaded.checkpoint = std::move(opened.checkpoint);
  if (request.needs_tokenizer || HasTokenizer(loaded.files)) {
    loaded.tokenizer = OpenTokenizer(loaded.files);
  }
  loaded.pool = first ? first->pool : std::make_shared<ThreadPool>(request.threads);
  if (first != nullptr) {
    loaded.prefixes = first->prefixes;
  } else if (request.prefix_cache_bytes > 0) {
    loaded.prefixes = std::make_shared<PrefixCache>(request.prefix_cache_bytes);
  }
  LoadOptions options = request.options;
  options.pool = loaded.pool;
  if (first == nullptr || !fs::equivalent(first->files.base, loaded.files.base)) {
    options.packed = packed.Find(loaded.checkpoint.config, loaded.pool.get());
    loaded.model = Model::Load(loaded.checkpoint, options);
    if (!options.packed) packed.Keep(*loaded.model, loaded.pool.get());
    loaded.packed_use = packed.use();
    loaded.packed_file = packed.file();
  } else if (const ModelConfig& theirs = first->model->config();
             theirs.head == loaded.checkpoint.config.head &&
             theirs.num_labels == loaded.checkpoint.config.num_labels) {
    loaded.model = first->model;
  } else {
    loaded.model = Model::WithHead(*first->model, loaded.checkpoint, options);
  }
  for (const auto& [name, adapter] : opened.adapters) {
    loaded.adapters.push_back(Adapter::Bind(*loaded.model, adapter, name));
    loaded.adapter_folders.push_back(adapter.path);
  }
  loaded.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return loaded;
}

}  // namespace

std::string Fingerprint(const LoadedModel& model) {
  std::string parts = Fingerprint(*model.model);
  for (const auto& adapter : model.adapters) parts += Fingerprint(*adapter);
  return Sha256Hex(std::as_bytes(std::span(parts)));
}

LoadedModel Load(const LoadRequest& request) {
  return LoadWith(request, nullptr);
}

LoadedModel LoadBeside(const LoadedModel& first, const LoadRequest& request) {
  return LoadWith(request, &first);
}

}  // namespace dear
