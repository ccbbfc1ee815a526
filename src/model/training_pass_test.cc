#include "model/training_pass.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "base/error.h"
#include "base/testing/sanitized.h"
#include "formats/read_numbers.h"
#include "formats/safetensors.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/cpu_backward_ops.h"
#include "kernels/cpu/isa.h"
#include "kernels/testing/kernels_under_test.h"
#include "model/new_lora.h"
#include "model/testing/golden_case.h"

namespace dear {
namespace {

using testing::GoldenFolder;
using testing::Int32s;

// One case of tests/golden/model/gradients.
struct GradientCase {
  std::string name;
  std::string base;
  std::string adapter;
  std::string expected;
  int64_t labels = 0;
  size_t trained_from = 0;
  int64_t padded_slots = 0;
  double f32_error = 0;  // of torch in f32, in parts of a tensor's largest number
  LoraDropout dropout;
};

void PrintTo(const GradientCase& test, std::ostream* out) {
  *out << test.name;
}

std::vector<GradientCase> Cases() {
  std::vector<GradientCase> cases;
  const Json file = ReadJsonFile(GoldenFolder() / "gradients/cases.json");
  for (const Json& json : file["cases"]) {
    const std::string expected = json["expected"];
    std::string name = std::filesystem::path(expected).stem().string();
    std::ranges::replace(name, '.', '_');
    cases.push_back({name, json["base"], json["adapter"], expected, json["classifier_labels"],
                     json["trained_from"], json.value("padded_slots", int64_t{0}),
                     json["f32_error"],
                     LoraDropout{.probability = json.value("dropout", 0.0F),
                                 .seed = json.value("dropout_seed", uint64_t{0})}});
  }
  return cases;
}

std::shared_ptr<const Model> Load(const GradientCase& test) {
  Checkpoint checkpoint = OpenCheckpoint(GoldenFolder() / test.base);
  if (test.labels > 0) {
    checkpoint.config.head = HeadKind::kSequenceClassification;
    checkpoint.config.num_labels = test.labels;
  }
  return Model::Load(checkpoint);
}

// The sequences of a case with the loss that its file describes.
struct Batch {
  std::vector<std::vector<int32_t>> tokens;
  std::vector<TrainingSequence> sequences;
  std::vector<int32_t> targets;  // of the head rows; none for a classifier

  Batch(const SafetensorsFile& file, const GradientCase& test) {
    for (const char* name : {"ids.0", "ids.1"}) tokens.push_back(Int32s(file.Get(name)));
    for (std::vector<int32_t>& ids : tokens) {
      TrainingSequence& sequence = sequences.emplace_back();
      if (test.padded_slots > 0) {
        constexpr int32_t kPad = 2;
        ids.push_back(kPad);
        sequence.padded_slot = test.padded_slots - 1;
      }
      sequence.tokens = ids;
      if (test.labels > 0) {
        sequence.head_rows = {static_cast<int32_t>(ids.size()) - 1};
        continue;
      }
      for (size_t i = test.trained_from; i < ids.size(); ++i) {
        sequence.head_rows.push_back(static_cast<int32_t>(i) - 1);
        targets.push_back(ids[i]);
      }
    }
  }

  // The loss alone.
  ReadFn Value(double& total) const {
    return [loss = Loss(total)](int64_t first, int64_t rows, int64_t width, const float* outputs) {
      std::vector<float> copy(outputs, outputs + rows * width);
      loss(first, rows, width, copy.data());
    };
  }

  // Adds to `total`.
  LossFn Loss(double& total) const {
    return [&total, this](int64_t first, int64_t rows, int64_t width, float* outputs) {
      for (int64_t row = 0; row < rows; ++row) {
        float* y = outputs + row * width;
        if (targets.empty()) {
          for (int64_t i = 0; i < width; ++i) total += 0.5 * y[i] * y[i];
          continue;
        }
        const double max = *std::max_element(y, y + width);
        double sum = 0;
        for (int64_t i = 0; i < width; ++i) sum += std::exp(y[i] - max);
        const int32_t target = targets[static_cast<size_t>(first + row)];
        total += max + std::log(sum) - y[target];
        for (int64_t i = 0; i < width; ++i) {
          y[i] = static_cast<float>(std::exp(y[i] - max) / sum) - (i == target ? 1.0F : 0.0F);
        }
      }
    };
  }
};

std::unique_ptr<TrainableAdapter> Trained(const Model& model, const GradientCase& test) {
  if (!test.adapter.empty()) {
    return std::make_unique<TrainableAdapter>(model, OpenPeftAdapter(GoldenFolder() / test.adapter),
                                              test.name);
  }
  auto whole = TrainableAdapter::Whole(model, OpenCheckpoint(GoldenFolder() / test.base), 1);
  const auto file = SafetensorsFile::Open(GoldenFolder() / test.expected);
  for (const TrainedTensor& tensor : whole->tensors()) {
    if (const std::string start = "start." + tensor.name; file->Contains(start)) {
      ReadNumbers(*file, start, tensor.values);
    }
  }
  return whole;
}

struct Setting {
  const cpu::KernelTable* kernels;
  int threads = 1;
  int64_t kept_layers = 0;
  LoraDropout dropout = {};
};

struct Result {
  double loss = 0;
  std::vector<std::pair<std::string, std::vector<float>>> gradients;
};

Result StepOf(const GradientCase& test, const Setting& setting) {
  const auto model = Load(test);
  const auto trained = Trained(*model, test);
  TrainableAdapter& adapter = *trained;
  const auto pool = std::make_shared<ThreadPool>(setting.threads);
  cpu::CpuBackend backend(pool, *setting.kernels);
  cpu::CpuBackwardOps backward(pool, *setting.kernels);
  TrainingPass pass(*model, adapter, backend, backward, {.kept_layers = setting.kept_layers});
  pass.SetDropout(setting.dropout);
  const auto file = SafetensorsFile::Open(GoldenFolder() / test.expected);
  const Batch batch(*file, test);
  Result result;
  pass.Step(batch.sequences, batch.Loss(result.loss));
  for (const TrainedTensor& tensor : adapter.tensors()) {
    result.gradients.emplace_back(
        tensor.name, std::vector<float>(tensor.gradient.begin(), tensor.gradient.end()));
  }
  return result;
}

class GradientTest : public ::testing::TestWithParam<GradientCase> {};

// Within 1e-5 of the exact gradient; where torch in f32 is itself further off, which sharp
// attention brings about, within twice its distance.
TEST_P(GradientTest, AreThoseOfAutograd) {
  const GradientCase& test = GetParam();
  const auto file = SafetensorsFile::Open(GoldenFolder() / test.expected);
  const double allowed = std::max(1e-5, 2 * test.f32_error);
  for (const cpu::KernelTable* kernels : cpu::RunnableKernels()) {
    SCOPED_TRACE(kernels->name);
    const Result result = StepOf(test, {.kernels = kernels, .dropout = test.dropout});
    const double loss = ToF32(file->Get("loss"))[0];
    EXPECT_NEAR(result.loss, loss, 1e-5 * loss);
    std::set<std::string> names = {"ids.0", "ids.1", "loss"};
    for (const auto& [name, gradient] : result.gradients) {
      names.insert(name);
      ASSERT_TRUE(file->Contains(name)) << name;
      const std::vector<float> expected = ToF32(file->Get(name));
      ASSERT_EQ(gradient.size(), expected.size()) << name;
      double largest = 0;
      for (const float value : expected) largest = std::max<double>(largest, std::fabs(value));
      ASSERT_GT(largest, 0) << name;
      double off = 0;
      for (size_t i = 0; i < gradient.size(); ++i) {
        off = std::max<double>(off, std::fabs(gradient[i] - expected[i]));
      }
      EXPECT_LE(off, allowed * largest) << name;
    }
    for (const std::string& name : file->Names()) {
      EXPECT_TRUE(names.contains(name) || name.starts_with("start.")) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, GradientTest, ::testing::ValuesIn(Cases()),
                         [](const auto& param_info) { return param_info.param.name; });

void ExpectSameBits(const Result& a, const Result& b) {
  EXPECT_EQ(a.loss, b.loss);
  ASSERT_EQ(a.gradients.size(), b.gradients.size());
  for (size_t i = 0; i < a.gradients.size(); ++i) {
    const auto& [name, values] = a.gradients[i];
    EXPECT_EQ(
        std::memcmp(values.data(), b.gradients[i].second.data(), values.size() * sizeof(float)), 0)
        << name;
  }
}

TEST(TrainingPassTest, ThreadsAndKeptLayersChangeNoBit) {
  const LoraDropout dropout{.probability = 0.2F, .seed = 5};
  for (const GradientCase& test : Cases()) {
    SCOPED_TRACE(test.name);
    for (const cpu::KernelTable* kernels : testing::KernelsUnderTest()) {
      const Result one = StepOf(test, {.kernels = kernels, .dropout = dropout});
      for (const int threads : {1, 3}) {
        if (testing::kSanitized && threads == 1) continue;
        for (const int64_t kept : {1, 2}) {
          ExpectSameBits(one, StepOf(test, {kernels, threads, kept, dropout}));
        }
      }
    }
  }
}

// The slope along a random direction, by differences, is the gradient's product with it.
void ExpectSlopesUnderDropout(const GradientCase& test) {
  const auto model = Load(test);
  TrainableAdapter adapter(*model, OpenPeftAdapter(GoldenFolder() / test.adapter), "a");
  const auto pool = std::make_shared<ThreadPool>(1);
  const auto backend = MakeCpuBackend(pool);
  const auto backward = MakeCpuBackwardOps(pool);
  TrainingPass pass(*model, adapter, *backend, *backward);
  const auto file = SafetensorsFile::Open(GoldenFolder() / test.expected);
  const Batch batch(*file, test);
  const auto loss_with = [&](float probability) {
    pass.SetDropout({.probability = probability, .seed = 11});
    double loss = 0;
    pass.Evaluate(batch.sequences, batch.Value(loss));
    return loss;
  };
  EXPECT_NE(loss_with(0.3F), loss_with(0));
  pass.SetDropout({.probability = 0.3F, .seed = 11});
  double ignored = 0;
  pass.Step(batch.sequences, batch.Loss(ignored));
  for (const TrainedTensor& tensor : adapter.tensors()) {
    // Along the gradient itself the slope is its square.
    double square = 0;
    for (const float g : tensor.gradient) square += static_cast<double>(g) * g;
    const double step = 2e-3 / std::sqrt(square);
    const std::vector<float> start(tensor.values.begin(), tensor.values.end());
    const auto loss_at = [&](double factor) {
      for (size_t i = 0; i < start.size(); ++i) {
        tensor.values[i] = static_cast<float>(start[i] + factor * step * tensor.gradient[i]);
      }
      // Without this DoRA's norm stays what it is, as the gradients of the factors have it.
      if (tensor.kind == TrainedTensor::Kind::kMagnitude) adapter.ValuesChanged(*pool);
      return loss_with(0.3F);
    };
    const double slope = (loss_at(1) - loss_at(-1)) / (2 * step);
    std::ranges::copy(start, tensor.values.begin());
    adapter.ValuesChanged(*pool);
    EXPECT_NEAR(slope / square, 1, 0.03) << tensor.name;
  }
}

TEST(TrainingPassTest, GradientsUnderDropoutAreThoseOfTheLossUnderTheSameDropout) {
  const std::vector<GradientCase> cases = Cases();
  ExpectSlopesUnderDropout(cases.front());
  const auto dora = std::ranges::find(cases, "llama_lora_dora", &GradientCase::name);
  ASSERT_NE(dora, cases.end());
  ExpectSlopesUnderDropout(*dora);
}

// Bit for bit: what a training measures is what is served after it.
TEST(TrainingPassTest, DoraFollowsItsFactorsAsALoadDoesOnAnyNumberOfThreads) {
  const auto model = Load({.base = "bases/llama"});
  const std::filesystem::path saved =
      std::filesystem::path(::testing::TempDir()) / "dear_dora_follows";
  for (const int threads : {1, 3}) {
    // The head has rows for several tasks.
    TrainableAdapter adapter(*model, OpenPeftAdapter(GoldenFolder() / "adapters/lora_lm_head_dora"),
                             "a");
    for (const TrainedTensor& tensor : adapter.tensors()) {
      for (size_t i = 0; i < tensor.values.size(); ++i) {
        tensor.values[i] *= 1 + 0.1F * std::sin(static_cast<float>(i));
      }
    }
    ThreadPool pool(threads);
    const int head = model->head().id;
    const std::vector<float> before = adapter.adapter()->delta(head)->dora_scale;
    adapter.ValuesChanged(pool);
    adapter.Save(saved);
    const auto loaded = Adapter::Bind(*model, OpenPeftAdapter(saved), "b");
    EXPECT_NE(adapter.adapter()->delta(head)->dora_scale, before);
    for (int id = 0; id < model->num_modules(); ++id) {
      const ModuleDelta* trained = adapter.adapter()->delta(id);
      if (trained == nullptr) continue;
      EXPECT_EQ(trained->dora_scale, loaded->delta(id)->dora_scale) << id;
      EXPECT_EQ(trained->dora_norm, loaded->delta(id)->dora_norm) << id;
    }
  }
}

TEST(TrainingPassTest, WhatCannotBeTrainedIsNamed) {
  const auto model = Load({.base = "bases/llama"});
  const auto message_of = [&](const char* adapter) -> std::string {
    try {
      TrainableAdapter trained(*model, OpenPeftAdapter(GoldenFolder() / "adapters" / adapter), "a");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
      return error.message();
    }
    return "";
  };
  EXPECT_THAT(message_of("lora_bias"), ::testing::HasSubstr("lora_bias"));
  EXPECT_THAT(message_of("lora_embed"), ::testing::HasSubstr("embed_tokens"));
}

// A model that is trained whole is written as a model, whose numbers are the trained ones.
TEST(TrainingPassTest, AWholeModelIsSavedAndComesBack) {
  for (const GradientCase& test : Cases()) {
    if (!test.adapter.empty()) continue;
    SCOPED_TRACE(test.name);
    const auto model = Load(test);
    const auto first = Trained(*model, test);
    for (const TrainedTensor& tensor : first->tensors()) {
      for (size_t i = 0; i < tensor.values.size(); ++i) {
        tensor.values[i] += 0.01F * std::sin(static_cast<float>(i));
      }
    }
    const std::filesystem::path folder =
        std::filesystem::path(::testing::TempDir()) / ("dear_whole_" + test.name);
    std::filesystem::remove_all(folder);
    first->Save(folder);
    const auto second = Trained(*model, test);
    second->Load(folder);
    ASSERT_EQ(second->tensors().size(), first->tensors().size());
    for (size_t i = 0; i < first->tensors().size(); ++i) {
      EXPECT_TRUE(std::ranges::equal(first->tensors()[i].values, second->tensors()[i].values))
          << first->tensors()[i].name;
    }
    const Checkpoint saved = OpenCheckpoint(folder);
    EXPECT_EQ(saved.config.tie_word_embeddings, model->config().tie_word_embeddings);
    EXPECT_EQ(saved.tensors->Names().size(), first->tensors().size());
    EXPECT_EQ(Model::Load(saved)->config().head, model->config().head);
  }
}

TEST(TrainingPassTest, RefusesWhatIsNoSequence) {
  const auto model = Load({.base = "bases/llama"});
  TrainableAdapter adapter(*model, OpenPeftAdapter(GoldenFolder() / "adapters/lora_qv"), "a");
  const auto pool = std::make_shared<ThreadPool>(1);
  const auto backend = MakeCpuBackend(pool);
  const auto backward = MakeCpuBackwardOps(pool);
  TrainingPass pass(*model, adapter, *backend, *backward);
  const LossFn none = [](int64_t, int64_t, int64_t, float*) {};
  const std::vector<int32_t> good = {3, 4};
  const std::vector<int32_t> wide = {3, 131};
  const auto step = [&](TrainingSequence sequence) { pass.Step(std::span(&sequence, 1), none); };
  EXPECT_THROW(step({}), Error);
  EXPECT_THROW(step({.tokens = wide}), Error);
  EXPECT_THROW(step({.tokens = good, .head_rows = {2}}), Error);
  EXPECT_THROW(step({.tokens = good, .head_rows = {1}, .padded_slot = 0}), Error);
  EXPECT_THROW(step({.tokens = std::span(good).first(1), .padded_slot = 7}), Error);
  step({.tokens = good, .head_rows = {1}, .padded_slot = 7});
}

TEST(NewLoraTest, BeginsAsTheBaseAndDependsOnTheSeedAlone) {
  const auto model = Load({.base = "bases/llama"});
  LoraConfig config;
  config.r = 4;
  config.target_modules = {"q_proj", "down_proj"};
  const auto bound = [&](uint64_t seed) {
    return TrainableAdapter(*model, NewLora(*model, config, seed), "new");
  };
  const TrainableAdapter one = bound(1);
  const TrainableAdapter same = bound(1);
  const TrainableAdapter other = bound(2);
  ASSERT_EQ(one.tensors().size(), 8U);  // two layers, two modules, A and B
  for (size_t i = 0; i < one.tensors().size(); ++i) {
    const TrainedTensor& tensor = one.tensors()[i];
    EXPECT_TRUE(std::ranges::equal(tensor.values, same.tensors()[i].values));
    if (tensor.kind == TrainedTensor::Kind::kLoraB) {
      EXPECT_TRUE(std::ranges::all_of(tensor.values, [](float v) { return v == 0; }));
      continue;
    }
    EXPECT_FALSE(std::ranges::equal(tensor.values, other.tensors()[i].values));
    const double bound_of = 1 / std::sqrt(static_cast<double>(tensor.shape[1]));
    for (const float value : tensor.values) EXPECT_LT(std::fabs(value), bound_of);
  }
}

TEST(NewLoraTest, DoraBeginsAsTheBaseToo) {
  LoraConfig config;
  config.r = 4;
  config.use_dora = true;
  config.target_modules = {"q_proj", "down_proj"};
  for (const char* base : {"bases/llama", "bases/qwen2"}) {
    const auto model = Load({.base = base});
    const TrainableAdapter adapter(*model, NewLora(*model, config, 1), "new");
    ASSERT_EQ(adapter.tensors().size(), 12U);  // two layers, two modules; A, B, magnitude
    const TrainedTensor& magnitude = adapter.tensors()[2];
    EXPECT_EQ(magnitude.name, "model.layers.0.self_attn.q_proj.lora_magnitude_vector");
    const Matrix& weight = *model->layers()[0].q.weight;
    ASSERT_EQ(magnitude.shape, std::vector<int64_t>{weight.rows()});
    std::vector<float> row(static_cast<size_t>(weight.cols()));
    for (int64_t i = 0; i < weight.rows(); ++i) {
      weight.CopyRows(i, 1, row.data());
      double squares = 0;
      for (const float value : row) squares += double{value} * value;
      EXPECT_FLOAT_EQ(magnitude.values[static_cast<size_t>(i)],
                      static_cast<float>(std::sqrt(squares)));
    }
    const ModuleDelta& delta = *adapter.adapter()->delta(model->layers()[0].q.id);
    EXPECT_THAT(delta.dora_scale, ::testing::Each(1.0F));
  }
}

}  // namespace
}  // namespace dear
