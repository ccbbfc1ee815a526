#include "model/trainable_adapter.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "formats/safetensors.h"
#include "model/merge.h"
#include "model/new_lora.h"

namespace dear {
namespace {

// A dense matrix whose numbers may change.
class TrainedMatrix : public Matrix {
 public:
  explicit TrainedMatrix(const Matrix& start)
      : Matrix(start.rows(), start.cols()),
        values_(static_cast<size_t>(start.rows() * start.cols())) {
    start.CopyRows(0, rows(), values_.data());
  }
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

void RequireTrainable(const Linear& linear, const Model& base, const ModuleDelta& delta,
                      const std::string& name) {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorCode::kUnsupported, name, what + " cannot be trained");
  };
  if (!delta.b_bias.empty()) fail("lora_bias");
  if (delta.has_replaced_bias) fail("the bias of " + linear.name);
  if (delta.is_embedding) fail("the embedding " + linear.name);
  if (delta.replaced_weight != nullptr && linear.id != base.head().id) {
    fail(linear.name + ", saved whole (modules_to_save),");
  }
}

}  // namespace

TrainableAdapter::TrainableAdapter(const Model& base, const PeftAdapter& files, std::string name)
    : config_(files.config), gradients_(static_cast<size_t>(base.num_modules())) {
  const std::shared_ptr<Adapter> adapter = Adapter::BindOpen(base, files, std::move(name));
  adapter_ = adapter;
  base.ForEachNorm([&](const Norm& norm) {
    if (adapter->delta(norm.id) == nullptr) return;
    throw Error(ErrorCode::kUnsupported, adapter->name(),
                "the norm " + norm.name + " cannot be trained");
  });
  base.ForEachLinear([&](const Linear& linear) {
    const ModuleDelta* delta = adapter->delta(linear.id);
    if (delta == nullptr) return;
    RequireTrainable(linear, base, *delta, adapter->name());
    Open(*adapter, linear);
  });
}

void TrainableAdapter::Open(Adapter& adapter, const Linear& linear) {
  ModuleDelta& delta = *adapter.deltas_[static_cast<size_t>(linear.id)];
  ModuleGradients& gradients = gradients_[static_cast<size_t>(linear.id)];
  const auto add = [&](const char* part, TrainedTensor::Kind kind, std::vector<int64_t> shape,
                       std::span<float> values) {
    AlignedVector<float>& gradient = gradient_memory_.emplace_back(values.size());
    tensors_.push_back({.name = linear.name + part,
                        .kind = kind,
                        .shape = std::move(shape),
                        .values = values,
                        .gradient = gradient});
    return gradient.data();
  };
  using Kind = TrainedTensor::Kind;
  if (delta.replaced_weight && !SavesModule(config_, linear.name)) {
    // peft saves the head under its LoRA along with it.
    kept_.emplace_back(linear.name + ".base_layer.weight", delta.replaced_weight);
  } else if (delta.replaced_weight) {
    auto matrix = std::make_shared<TrainedMatrix>(*delta.replaced_weight);
    gradients.weight =
        add(".weight", Kind::kSaved, {matrix->rows(), matrix->cols()}, matrix->values());
    delta.replaced_weight = std::move(matrix);
  }
  if (delta.rank == 0) return;
  const Matrix& weight = delta.replaced_weight ? *delta.replaced_weight : *linear.weight;
  gradients.a = add(".lora_A.weight", Kind::kLoraA, {delta.rank, weight.cols()}, delta.a);
  gradients.b = add(".lora_B.weight", Kind::kLoraB, {weight.rows(), delta.rank}, delta.b);
  if (delta.dora_magnitude.empty()) return;
  // peft saves it without the ".weight" that its parameter ends in.
  gradients.magnitude =
      add(".lora_magnitude_vector", Kind::kMagnitude, {weight.rows()}, delta.dora_magnitude);
  scaled_.push_back({.weight = &weight, .delta = &delta});
}

void TrainableAdapter::ClearGradients() {
  for (const TrainedTensor& tensor : tensors_) std::ranges::fill(tensor.gradient, 0.0F);
}

void TrainableAdapter::ValuesChanged(ThreadPool& pool) {
  for (const ScaledModule& module : scaled_) UpdateDora(*module.weight, *module.delta, pool);
}

void TrainableAdapter::Save(const std::filesystem::path& folder) const {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) throw Error(ErrorCode::kIo, folder.string(), failed.message());
  std::vector<TensorSpec> specs;
  for (const TrainedTensor& tensor : tensors_) {
    specs.push_back(
        {.name = "base_model.model." + tensor.name, .dtype = DType::kF32, .shape = tensor.shape});
  }
  for (const auto& [name, matrix] : kept_) {
    specs.push_back({.name = "base_model.model." + name,
                     .dtype = DType::kF32,
                     .shape = {matrix->rows(), matrix->cols()}});
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

}  // namespace dear
