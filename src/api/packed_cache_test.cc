#include "api/packed_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "api/loaded_model.h"
#include "api/testing/temporary_files.h"
#include "base/mapped_file.h"
#include "base/testing/goldens.h"

namespace dear {
namespace {

namespace fs = std::filesystem;
using testing::kFlows;
using testing::kGoldens;

class PackedCacheTest : public ::testing::Test {
 protected:
  PackedCacheTest() : cache_(files_.folder() / "packed") {}

  // A model of its own, which a test may spoil.
  fs::path Copy(const std::string& name, const std::string& as = "model") const {
    const fs::path from = kGoldens / "model/bases" / name;
    const fs::path to = files_.folder() / (as + from.extension().string());
    fs::copy(from, to, fs::copy_options::recursive);
    return to;
  }

  LoadRequest Request(const fs::path& model, Compute compute = Compute::kFast) {
    LoadRequest request;
    request.model = model.string();
    request.threads = 2;
    request.needs_tokenizer = false;
    request.options.compute = compute;
    request.packed.limit = 1 << 30;
    request.packed.least = 1;
    request.packed.folder = cache_;
    request.packed.settled = std::chrono::seconds(-60);  // the tests write and read at once
    request.packed.warn = [this](const std::string& line) { warnings_.push_back(line); };
    request.packed.tell = [this](const std::string& line) { told_.push_back(line); };
    return request;
  }

  // The weights of which computations read their numbers, wherever they lie.
  static std::vector<float> Numbers(const LoadedModel& loaded) {
    std::vector<float> numbers;
    loaded.model->ForEachLinear([&numbers](const Linear& linear) {
      if (!linear.weight) return;
      const size_t before = numbers.size();
      numbers.resize(before + static_cast<size_t>(linear.weight->rows() * linear.weight->cols()));
      linear.weight->CopyRows(0, linear.weight->rows(), numbers.data() + before);
    });
    return numbers;
  }
  static std::vector<std::vector<float>> Logits(const LoadedModel& loaded) {
    Usage usage;
    const std::vector<std::vector<TokenId>> prompts = {{5, 9, 20, 33, 4}};
    ModelLanguageModel model({.model = loaded.model,
                              .adapter = loaded.FindAdapter(""),
                              .tokenizer = OpenTokenizer(kFlows.string() + "/base"),
                              .pool = loaded.pool,
                              .repetition_penalty = 1});
    if (model.has_score_head()) {
      return model.Classify(prompts, std::vector<int64_t>{4}, &usage, {});
    }
    return model.NextTokenLogits(prompts, &usage, {});
  }

  std::vector<fs::path> Kept() const {
    std::vector<fs::path> files;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(cache_, ignored)) files.push_back(entry);
    return files;
  }
  bool Told(const std::string& what) const {
    return std::ranges::any_of(told_,
                               [&](const auto& line) { return line.find(what) != line.npos; });
  }
  // Loads; whether the weights came from the cache.
  bool IsMapped(const LoadRequest& request) {
    told_.clear();
    Load(request);
    return Told("mapped from");
  }

  TemporaryFiles files_;
  fs::path cache_;
  std::vector<std::string> warnings_;
  std::vector<std::string> told_;
};

// Every kind of source and head: the second start has the bits of the first, and of one without.
TEST_F(PackedCacheTest, ASecondStartHasTheSameBits) {
  for (const char* name : {"llama", "llama_tied", "llama_biases", "llama_sharded", "llama_64_bf16",
                           "llama_nf4_double_prequantised", "llama_classifier_3", "qwen3",
                           "gguf_llama_k.gguf", "gguf_llama_q8_0_tied.gguf"}) {
    const fs::path model = Copy(name, name);
    for (const Compute compute : {Compute::kFast, Compute::kInt8}) {
      LoadRequest request = Request(model, compute);
      request.packed.limit = 0;
      const LoadedModel without = Load(request);
      request = Request(model, compute);
      told_.clear();
      const LoadedModel first = Load(request);
      EXPECT_TRUE(Told("kept in")) << name;
      const LoadedModel second = Load(request);
      EXPECT_TRUE(Told("mapped from")) << name;
      EXPECT_EQ(Numbers(second), Numbers(without)) << name;
      EXPECT_EQ(Numbers(first), Numbers(without)) << name;
      EXPECT_EQ(Logits(second), Logits(without)) << name;
      EXPECT_EQ(second.model->layers()[0].q.weight->form(),
                without.model->layers()[0].q.weight->form());
    }
  }
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(PackedCacheTest, AdaptersStandBesideMappedWeights) {
  LoadRequest request = Request(Copy("llama"));
  request.adapters = {{.name = "", .path = (kGoldens / "model/adapters/lora_qv").string()}};
  request.packed.limit = 0;
  const auto expected = Logits(Load(request));
  request.adapters.clear();
  EXPECT_NE(Logits(Load(request)), expected);
  LoadRequest cached = Request(Copy("llama", "again"));
  Load(cached);
  cached.adapters = {{.name = "", .path = (kGoldens / "model/adapters/lora_qv").string()}};
  told_.clear();
  EXPECT_EQ(Logits(Load(cached)), expected);
  EXPECT_TRUE(Told("mapped from"));
}

TEST_F(PackedCacheTest, WeightsOutliveAllButTheModel) {
  const LoadRequest request = Request(Copy("llama"));
  const auto expected = Numbers(Load(request));
  const LoadedModel second = Load(request);
  for (const fs::path& path : Kept()) fs::remove(path);
  EXPECT_EQ(Numbers(second), expected);
}

TEST_F(PackedCacheTest, EachFormAndComputationHasItsFile) {
  const fs::path model = Copy("llama_64_bf16");
  size_t files = 0;
  for (const Compute compute : {Compute::kFast, Compute::kInt8}) {
    for (const WeightForm form : {WeightForm::kAuto, WeightForm::kNf4, WeightForm::kQ8_0}) {
      for (const bool twice : {false, true}) {
        if (twice && form != WeightForm::kNf4) continue;
        LoadRequest request = Request(model, compute);
        request.options.weights = {.form = form, .double_quant = twice};
        EXPECT_FALSE(IsMapped(request));
        EXPECT_TRUE(IsMapped(request));
        EXPECT_EQ(Kept().size(), ++files);
      }
    }
  }
  EXPECT_FALSE(IsMapped(Request(model, Compute::kReference)));
  EXPECT_EQ(Kept().size(), files);
}

// A file that is rewritten where it lies, with the same size, and its time put back.
TEST_F(PackedCacheTest, ChangedWeightsAreNeverServedFromBefore) {
  const fs::path model = Copy("llama");
  const fs::path weights = model / "model.safetensors";
  const LoadRequest request = Request(model);
  const auto before = Numbers(Load(request));
  ASSERT_TRUE(IsMapped(request));
  const auto time = fs::last_write_time(weights);
  std::string bytes = ReadFile(weights);
  const auto at = static_cast<std::streamoff>(bytes.size() - 2);
  std::fstream file(weights, std::ios::in | std::ios::out | std::ios::binary);
  // The sign and exponent of the last numbers of the last tensors, wherever these are.
  for (std::streamoff i = static_cast<std::streamoff>(bytes.size() / 2); i < at; i += 4) {
    file.seekp(i + 3 - i % 4)
        .put(static_cast<char>(bytes[static_cast<size_t>(i + 3 - i % 4)] ^ '\x80'));
  }
  file.close();
  fs::last_write_time(weights, time);
  ASSERT_EQ(fs::file_size(weights), bytes.size());
  LoadRequest without = request;
  without.packed.limit = 0;
  const auto now = Numbers(Load(without));
  ASSERT_NE(now, before);
  told_.clear();
  EXPECT_EQ(Numbers(Load(request)), now);
  EXPECT_FALSE(Told("mapped from"));
}

TEST_F(PackedCacheTest, ATiedHeadThatIsTiedNoMoreIsAnotherModel) {
  const fs::path model = Copy("llama");
  const LoadRequest request = Request(model);
  Load(request);
  files_.Plain("model/config.json", ReadFile(model / "config.json") + "\n");
  EXPECT_FALSE(IsMapped(request));
}

TEST_F(PackedCacheTest, FilesThatHaveJustChangedAreNotKept) {
  LoadRequest request = Request(Copy("llama"));
  request.packed.settled = std::chrono::seconds(60);
  EXPECT_FALSE(IsMapped(request));
  EXPECT_TRUE(Told("has just been changed"));
  EXPECT_FALSE(IsMapped(request));
  EXPECT_TRUE(Kept().empty());
}

TEST_F(PackedCacheTest, FewBytesAreNotWorthAFile) {
  LoadRequest request = Request(Copy("llama"));
  request.packed.least = PackedCacheOptions::kLeast;
  Load(request);
  EXPECT_TRUE(Kept().empty());
}

TEST_F(PackedCacheTest, BrokenFilesAreMadeAnew) {
  const LoadRequest request = Request(Copy("llama"));
  const auto expected = Numbers(Load(request));
  ASSERT_EQ(Kept().size(), 1U);
  const fs::path path = Kept()[0];
  const std::string whole = ReadFile(path);
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 1);
  const LoadRequest other = Request(Copy("llama_tied", "other"));
  Load(other);
  const auto kept = Kept();
  const std::string foreign = ReadFile(kept[0] == path ? kept[1] : kept[0]);
  for (const std::string& bytes : {std::string(), std::string("rubbish"), whole.substr(0, 100),
                                   whole.substr(0, whole.size() / 2), flipped, foreign}) {
    // Not in place: a program that has it mapped goes on with the old one.
    fs::remove(path);
    files_.Plain("packed/" + path.filename().string(), bytes);
    told_.clear();
    EXPECT_EQ(Numbers(Load(request)), expected);
    EXPECT_TRUE(Told("it is made anew"));
    EXPECT_EQ(ReadFile(path), whole);
    EXPECT_TRUE(IsMapped(request));
  }
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(PackedCacheTest, TheLimitHoldsAndTheOneInUseStays) {
  LoadRequest one = Request(Copy("llama", "one"));
  LoadRequest two = Request(Copy("llama", "two"));
  Load(one);
  const uint64_t bytes = PackedFolder(cache_).Bytes();
  one.packed.limit = two.packed.limit = 2 * bytes - 1;
  Load(two);
  EXPECT_EQ(Kept().size(), 1U);
  EXPECT_TRUE(IsMapped(two));
  EXPECT_FALSE(IsMapped(one));
  EXPECT_TRUE(IsMapped(one));
  const LoadedModel in_use = Load(one);
  EXPECT_FALSE(IsMapped(two));
  EXPECT_TRUE(Told("do not fit"));
  EXPECT_TRUE(IsMapped(one));
  EXPECT_EQ(Kept().size(), 1U);
}

TEST_F(PackedCacheTest, AFolderThatTakesNothingCostsOneWarning) {
  LoadRequest request = Request(Copy("llama"));
  request.packed.folder = files_.Plain("file", "x") / "packed";
  EXPECT_NO_THROW(Load(request));
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_NE(warnings_[0].find("not kept"), std::string::npos);
}

// Each by itself, as two programs are: a file is found whole or not at all.
TEST_F(PackedCacheTest, ManyAtOnceAllSucceed) {
  const fs::path model = Copy("llama_64_bf16");
  LoadRequest request = Request(model);
  request.packed.tell = nullptr;
  request.packed.limit = 0;
  const auto expected = Numbers(Load(request));
  request.packed.limit = 1 << 30;
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 8; ++k) {
        if (Numbers(Load(request)) != expected) ++wrong;
        std::error_code ignored;
        if (k % 4 == 3) fs::remove_all(cache_, ignored);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(ParseCacheLimitTest, SizesAndOff) {
  EXPECT_EQ(ParseCacheLimit("20GiB", "x"), uint64_t{20} << 30);
  EXPECT_EQ(ParseCacheLimit("off", "x"), 0U);
  EXPECT_EQ(ParseCacheLimit("0", "x"), 0U);
  EXPECT_NE(ErrorOf([] { ParseCacheLimit("much", "packed-cache"); }).find("packed-cache"),
            std::string::npos);
}

}  // namespace
}  // namespace dear
