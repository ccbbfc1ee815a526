#include "model/trainable_adapter.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "formats/read_numbers.h"
#include "formats/safetensors.h"
#include "model/export_folder.h"
#include "model/export_plan.h"
#include "model/merge.h"
#include "model/new_lora.h"

namespace dear {
namespace {

namespace fs = std::filesystem;
using Kind = TrainedTensor::Kind;

// A dense matrix whose numbers may change.
class TrainedMatrix : public Matrix {
 public:
  TrainedMatrix(int64_t rows, std::span<const float> values)
      : Matrix(rows, static_cast<int64_t>(values.size()) / rows),
        values_(values.begin(), values.end()) {}
  std::string form() const override { return "f32"; }
  uint64_t bytes() const override { return values_.size() * sizeof(float); }
  void CopyRows(int64_t row, int64_t count, float* dst) const override {
    std::copy_n(values_.data() + row * cols(), count * cols(), dst);
  }
  const float* DenseF32() const override { return values_.data(); }
  std::span<float> values() { return values_; }

 private:
  AlignedVector<float> values_;
};

std::shared_ptr<TrainedMatrix> Opened(const Matrix& start) {
  std::vector<float> values(static_cast<size_t>(start.rows() * start.cols()));
  start.CopyRows(0, start.rows(), values.data());
  return std::make_shared<TrainedMatrix>(start.rows(), values);
}

void RequireTrainable(const Linear& linear, const LoraConfig& config, const ModuleDelta& delta,
                      const std::string& name) {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorCode::kUnsupported, name, what + " cannot be trained");
  };
  const bool saved = SavesModule(config, linear.name);
  if (!delta.b_bias.empty()) fail("lora_bias");
  if (delta.has_replaced_bias && !saved) fail("the bias of " + linear.name);
  if (delta.is_embedding && !saved) fail("the embedding " + linear.name);
}

std::string PeftName(const std::string& name) {
  return "base_model.model." + name;
}

}  // namespace

TrainableAdapter::TrainableAdapter(const Model& base)
    : gradients_(static_cast<size_t>(base.num_modules())) {}

TrainableAdapter::TrainableAdapter(const Model& base, const PeftAdapter& files, std::string name)
    : TrainableAdapter(base) {
  config_ = files.config;
  const std::shared_ptr<Adapter> adapter = Adapter::BindOpen(base, files, std::move(name));
  adapter_ = adapter;
  base.ForEachLinear([&](const Linear& linear) {
    const ModuleDelta* delta = adapter->delta(linear.id);
    if (delta == nullptr) return;
    RequireTrainable(linear, config_, *delta, adapter->name());
    Open(*adapter, linear);
  });
  base.ForEachNorm([&](const Norm& norm) {
    if (auto& delta = adapter->deltas_[static_cast<size_t>(norm.id)]) OpenNorm(norm, *delta);
  });
}

std::unique_ptr<TrainableAdapter> TrainableAdapter::Whole(const Model& base, Checkpoint checkpoint,
                                                          uint64_t seed) {
  if (checkpoint.gguf && base.config().family == "gemma") {
    // GGUF's norms are larger by 1, so that a folder's would not come back bit by bit.
    throw Error(ErrorCode::kUnsupported, base.origin(),
                "a gemma model in a .gguf file cannot be trained whole: use its folder");
  }
  auto whole = std::unique_ptr<TrainableAdapter>(new TrainableAdapter(base));
  whole->whole_ = std::move(checkpoint);
  const std::shared_ptr<Adapter> adapter(new Adapter);
  adapter->base_ = base.shared_from_this();
  adapter->name_ = "the whole model";
  adapter->deltas_.resize(static_cast<size_t>(base.num_modules()));
  whole->adapter_ = adapter;
  whole->OpenAll(*adapter, base, seed);
  return whole;
}

void TrainableAdapter::OpenAll(Adapter& adapter, const Model& base, uint64_t seed) {
  const bool tied = base.config().head == HeadKind::kCausalLm && base.config().tie_word_embeddings;
  base.ForEachLinear([&](const Linear& linear) {
    auto& delta = adapter.deltas_[static_cast<size_t>(linear.id)];
    delta = std::make_unique<ModuleDelta>();
    if (tied && linear.id == base.head().id) {
      delta->replaced_weight = adapter.delta(base.embedding().id)->replaced_weight;
      gradients_[static_cast<size_t>(linear.id)] = gradients(base.embedding().id);
      return;
    }
    int64_t rows = 0;
    const std::vector<float> values = StartingWeight(base, linear, seed, &rows);
    delta->is_embedding = linear.id == base.embedding().id;
    delta->replaced_weight = std::make_shared<TrainedMatrix>(rows, values);
    delta->has_replaced_bias = !linear.bias.empty();
    delta->replaced_bias = linear.bias;
    OpenWhole(linear, *delta);
  });
  base.ForEachNorm([&](const Norm& norm) {
    auto& delta = adapter.deltas_[static_cast<size_t>(norm.id)];
    delta = std::make_unique<ModuleDelta>();
    delta->replaced_norm = norm.weight;
    OpenNorm(norm, *delta);
  });
}

float* TrainableAdapter::Add(std::string name, Kind kind, std::vector<int64_t> shape,
                             std::span<float> values) {
  AlignedVector<float>& gradient = gradient_memory_.emplace_back(values.size());
  tensors_.push_back({.name = std::move(name),
                      .kind = kind,
                      .shape = std::move(shape),
                      .values = values,
                      .gradient = gradient});
  return gradient.data();
}

// The weight is opened anew, so that nobody else's numbers change.
void TrainableAdapter::OpenWhole(const Linear& linear, ModuleDelta& delta) {
  ModuleGradients& gradients = gradients_[static_cast<size_t>(linear.id)];
  const auto matrix = Opened(*delta.replaced_weight);
  gradients.weight = Add(linear.name + ".weight", Kind::kWeight, {matrix->rows(), matrix->cols()},
                         matrix->values());
  delta.replaced_weight = matrix;
  if (!delta.has_replaced_bias) return;
  gradients.bias = Add(linear.name + ".bias", Kind::kBias, {matrix->rows()}, delta.replaced_bias);
}

void TrainableAdapter::OpenNorm(const Norm& norm, ModuleDelta& delta) {
  gradients_[static_cast<size_t>(norm.id)].norm =
      Add(norm.name + ".weight", Kind::kNorm, {static_cast<int64_t>(delta.replaced_norm.size())},
          delta.replaced_norm);
}

void TrainableAdapter::Open(Adapter& adapter, const Linear& linear) {
  ModuleDelta& delta = *adapter.deltas_[static_cast<size_t>(linear.id)];
  ModuleGradients& gradients = gradients_[static_cast<size_t>(linear.id)];
  if (delta.replaced_weight && !SavesModule(config_, linear.name)) {
    // peft saves the head under its LoRA along with it.
    kept_.emplace_back(linear.name + ".base_layer.weight", delta.replaced_weight);
  } else if (delta.replaced_weight) {
    OpenWhole(linear, delta);
  }
  if (delta.rank == 0) return;
  const Matrix& weight = delta.replaced_weight ? *delta.replaced_weight : *linear.weight;
  gradients.a =
      Add(linear.name + ".lora_A.weight", Kind::kLoraA, {delta.rank, weight.cols()}, delta.a);
  gradients.b =
      Add(linear.name + ".lora_B.weight", Kind::kLoraB, {weight.rows(), delta.rank}, delta.b);
  if (delta.dora_magnitude.empty()) return;
  // peft saves it without the ".weight" that its parameter ends in.
  gradients.magnitude = Add(linear.name + ".lora_magnitude_vector", Kind::kMagnitude,
                            {weight.rows()}, delta.dora_magnitude);
  scaled_.push_back({.weight = &weight, .delta = &delta});
}

void TrainableAdapter::ClearGradients() {
  for (const TrainedTensor& tensor : tensors_) std::ranges::fill(tensor.gradient, 0.0F);
}

void TrainableAdapter::ValuesChanged(ThreadPool& pool) {
  for (const ScaledModule& module : scaled_) UpdateDora(*module.weight, *module.delta, pool);
}

void TrainableAdapter::Save(const fs::path& folder) const {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) throw Error(ErrorCode::kIo, folder.string(), failed.message());
  if (whole_) {
    ExportFolder(*whole_, PlanExport(*whole_, adapter_->base(), adapter_.get()), folder,
                 {.form = FolderForm::kF32});
  } else {
    SaveAdapter(folder);
  }
  if (beside_) beside_(folder);
}

void TrainableAdapter::SaveAdapter(const fs::path& folder) const {
  std::vector<TensorSpec> specs;
  for (const TrainedTensor& tensor : tensors_) {
    specs.push_back({.name = PeftName(tensor.name), .dtype = DType::kF32, .shape = tensor.shape});
  }
  for (const auto& [name, matrix] : kept_) {
    specs.push_back(
        {.name = PeftName(name), .dtype = DType::kF32, .shape = {matrix->rows(), matrix->cols()}});
  }
  const auto bytes_of = [&](size_t index, const WriteBytesFn& write) {
    if (index < tensors_.size()) {
      write(std::as_bytes(tensors_[index].values));
      return;
    }
    const Matrix& matrix = *kept_[index - tensors_.size()].second;
    std::vector<float> row(static_cast<size_t>(matrix.cols()));
    for (int64_t i = 0; i < matrix.rows(); ++i) {
      matrix.CopyRows(i, 1, row.data());
      write(std::as_bytes(std::span<const float>(row)));
    }
  };
  WriteSafetensors(folder / "adapter_model.safetensors", specs, bytes_of, {{"format", "pt"}});
  AtomicFile config(folder / "adapter_config.json");
  config.Write(LoraConfigText(config_));
  config.Commit();
}

void TrainableAdapter::Load(const fs::path& folder) {
  if (whole_) {
    const Checkpoint saved = OpenCheckpoint(folder);
    for (const TrainedTensor& tensor : tensors_)
      ReadNumbers(*saved.tensors, tensor.name, tensor.values);
    return;
  }
  const auto saved = SafetensorsFile::Open(folder / "adapter_model.safetensors");
  for (const TrainedTensor& tensor : tensors_)
    ReadNumbers(*saved, PeftName(tensor.name), tensor.values);
}

}  // namespace dear
