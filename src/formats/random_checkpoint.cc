#include "formats/random_checkpoint.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace dear {
namespace {

constexpr double kDeviation = 0.02;

struct ModelShape {
  std::string_view name;
  int64_t vocab, hidden, intermediate, layers, heads, kv_heads, head_dim;
  bool tied;
  double rope_theta;
};
// From the models' config.json.
constexpr std::array kModelShapes = {
    ModelShape{"135m", 49152, 576, 1536, 30, 9, 3, 64, true, 1e5},
    ModelShape{"llama-1b", 128256, 2048, 8192, 16, 32, 8, 64, true, 5e5},
    ModelShape{"llama-3b", 128256, 3072, 8192, 28, 24, 8, 128, true, 5e5},
    ModelShape{"llama-8b", 128256, 4096, 14336, 32, 32, 8, 128, false, 5e5},
    ModelShape{"llama-13b", 32000, 5120, 13824, 40, 40, 40, 128, false, 1e4},
};

// xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators" (2016).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed == 0 ? 1 : seed) {}
  uint64_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1dULL;
  }

 private:
  uint64_t state_;
};

// Uniform in (-r, r), which has the deviation r / sqrt(3).
float Uniform(uint64_t bits) {
  const double unit = static_cast<double>(bits & 0xffff) / 32768.0 - (1.0 - 1.0 / 65536);
  return static_cast<float>(unit * kDeviation * std::sqrt(3.0));
}

template <typename T>
void FillNumbers(Random& random, std::vector<std::byte>& bytes, T (*number)(float)) {
  uint64_t bits = 0;
  for (size_t i = 0; i < bytes.size() / sizeof(T); ++i) {
    bits = i % 4 == 0 ? random.Next() : bits >> 16;
    const T value = number(Uniform(bits));
    std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
}

// Blocks of an f16 scale and random codes. The sign of the scale is random too: the codes of q4_0,
// -8 to 7, are not zero on the average.
void FillBlocks(Random& random, DType dtype, std::vector<std::byte>& bytes) {
  const auto size = static_cast<size_t>(Traits(dtype).block_bytes);
  const double code_deviation = dtype == DType::kQ4_0 ? 4.61 : 73.9;  // of all codes alike
  const uint16_t scale = F32ToF16(static_cast<float>(kDeviation / code_deviation));
  for (size_t block = 0; block < bytes.size(); block += size) {
    for (size_t i = 2; i < size; i += 8) {
      const uint64_t bits = random.Next();
      std::memcpy(bytes.data() + block + i, &bits, std::min<size_t>(8, size - i));
    }
    const auto sign = static_cast<uint16_t>(random.Next() & 0x8000);
    const auto signed_scale = static_cast<uint16_t>(scale | sign);
    std::memcpy(bytes.data() + block, &signed_scale, sizeof(signed_scale));
  }
}

class RandomTensors : public TensorSource {
 public:
  RandomTensors(const ModelConfig& config, DType dtype, std::string origin)
      : dtype_(dtype), origin_(std::move(origin)) {
    const int64_t q = config.num_heads * config.head_dim;
    const int64_t kv = config.num_kv_heads * config.head_dim;
    const int64_t hidden = config.hidden_size;
    const int64_t inner = config.intermediate_size;
    shapes_["model.embed_tokens.weight"] = {config.vocab_size, hidden};
    shapes_["model.norm.weight"] = {hidden};
    if (!config.tie_word_embeddings) shapes_["lm_head.weight"] = {config.vocab_size, hidden};
    for (int64_t layer = 0; layer < config.num_layers; ++layer) {
      const std::string prefix = "model.layers." + std::to_string(layer) + ".";
      const auto put = [&](const char* name, std::vector<int64_t> shape) {
        shapes_[prefix + name + ".weight"] = std::move(shape);
      };
      put("input_layernorm", {hidden});
      put("post_attention_layernorm", {hidden});
      put("self_attn.q_proj", {q, hidden});
      put("self_attn.k_proj", {kv, hidden});
      put("self_attn.v_proj", {kv, hidden});
      put("self_attn.o_proj", {hidden, q});
      put("mlp.gate_proj", {inner, hidden});
      put("mlp.up_proj", {inner, hidden});
      put("mlp.down_proj", {hidden, inner});
    }
  }

  std::vector<std::string> Names() const override {
    std::vector<std::string> names;
    for (const auto& [name, shape] : shapes_) names.push_back(name);
    return names;
  }
  bool Contains(std::string_view name) const override { return shapes_.contains(name); }
  const std::string& origin() const override { return origin_; }

  Tensor Get(std::string_view name) const override {
    const auto found = shapes_.find(name);
    if (found == shapes_.end())
      throw Error(ErrorCode::kNotFound, origin_, "tensor '" + std::string(name) + "' is missing");
    const std::vector<int64_t>& shape = found->second;
    Tensor tensor;
    if (shape.size() == 1) {
      tensor =
          MakeTensor(found->first, shape, std::vector<float>(static_cast<size_t>(shape[0]), 1));
    } else {
      const auto size = StorageBytes(dtype_, static_cast<uint64_t>(shape[0] * shape[1]));
      std::vector<std::byte> bytes(static_cast<size_t>(size.value()));
      Random random(std::hash<std::string_view>()(name));
      if (dtype_ == DType::kF32) {
        FillNumbers<float>(random, bytes, [](float v) { return v; });
      } else if (dtype_ == DType::kBF16) {
        FillNumbers<uint16_t>(random, bytes, F32ToBF16);
      } else {
        FillBlocks(random, dtype_, bytes);
      }
      tensor = MakeTensor(found->first, dtype_, shape, std::move(bytes));
    }
    tensor.origin = origin_;
    return tensor;
  }

 private:
  DType dtype_;
  std::string origin_;
  std::map<std::string, std::vector<int64_t>, std::less<>> shapes_;
};

}  // namespace

std::span<const std::string_view> RandomShapes() {
  static const std::array names = [] {
    std::array<std::string_view, kModelShapes.size()> all;
    for (size_t i = 0; i < all.size(); ++i) all[i] = kModelShapes[i].name;
    return all;
  }();
  return names;
}

Checkpoint RandomCheckpoint(std::string_view shape, DType dtype) {
  const ModelShape* chosen = nullptr;
  std::string known;
  for (const ModelShape& each : kModelShapes) {
    if (each.name == shape) chosen = &each;
    known += (known.empty() ? "" : ", ") + std::string(each.name);
  }
  const std::string where = "shape '" + std::string(shape) + "'";
  if (chosen == nullptr)
    throw Error(ErrorCode::kInvalidArgument, where, "is not known; there are " + known);
  if (dtype != DType::kF32 && dtype != DType::kBF16 && dtype != DType::kQ4_0 &&
      dtype != DType::kQ8_0) {
    throw Error(ErrorCode::kInvalidArgument, where,
                "random weights are f32, bf16, q4_0 or q8_0, not " + std::string(DTypeName(dtype)));
  }
  ModelConfig config;
  config.family = "llama";
  config.vocab_size = chosen->vocab;
  config.hidden_size = chosen->hidden;
  config.intermediate_size = chosen->intermediate;
  config.num_layers = chosen->layers;
  config.num_heads = chosen->heads;
  config.num_kv_heads = chosen->kv_heads;
  config.head_dim = chosen->head_dim;
  config.max_positions = 8192;
  config.rms_norm_eps = 1e-5;
  config.rope.theta = chosen->rope_theta;
  config.sliding_windows.assign(static_cast<size_t>(chosen->layers), 0);
  config.tie_word_embeddings = chosen->tied;
  const std::string origin = std::string(shape) + " (random weights)";
  Checkpoint checkpoint;
  checkpoint.path = origin;
  checkpoint.tensors = std::make_shared<RandomTensors>(config, dtype, origin);
  checkpoint.config = std::move(config);
  return checkpoint;
}

}  // namespace dear
