#include "hub/hub_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/sha256.h"

namespace dear {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Environment and working folder of its own; both are put back at the end.
class HubCacheTest : public ::testing::Test {
 protected:
  HubCacheTest() : working_(fs::current_path()) {
    root_ = fs::temp_directory_path() /
            ("dear_hub_" + std::to_string(::getpid()) + "_" +
             ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(root_ / "work");
    fs::current_path(root_ / "work");
    for (const char* name :
         {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"}) {
      Set(name, nullptr);
    }
    Set("HOME", (root_ / "home").c_str());
  }
  ~HubCacheTest() override {
    for (const auto& [name, value] : before_) {
      if (value) {
        ::setenv(name.c_str(), value->c_str(), 1);
      } else {
        ::unsetenv(name.c_str());
      }
    }
    fs::current_path(working_);
    fs::remove_all(root_);
  }

  void Set(const char* name, const char* value) {
    const char* now = std::getenv(name);
    before_.emplace(name, now == nullptr ? std::nullopt : std::optional<std::string>(now));
    if (value == nullptr) {
      ::unsetenv(name);
    } else {
      ::setenv(name, value, 1);
    }
  }
  static void Touch(const fs::path& path, const std::string& text = "") {
    if (path.has_parent_path()) fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  static void ExpectError(ErrorCode code, const std::string& text,
                          const std::function<void()>& action) {
    try {
      action();
      ADD_FAILURE() << "no error about: " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(text));
    }
  }
  // org/name at refs/main.
  fs::path MakeSnapshot(const std::string& commit = "0123abcd") {
    const fs::path repository = HubCacheFolder() / "models--org--name";
    Touch(repository / "refs/main", commit);
    Touch(repository / "snapshots" / commit / "config.json", "{}");
    return repository / "snapshots" / commit;
  }

  fs::path root_;
  fs::path working_;
  std::map<std::string, std::optional<std::string>> before_;
};

TEST_F(HubCacheTest, FindsItsFoldersByTheEnvironment) {
  EXPECT_EQ(HubCacheFolder(), root_ / "home/.cache/huggingface/hub");
  EXPECT_EQ(DearModelFolder(), root_ / "home/.cache/dear/models");
  Set("XDG_CACHE_HOME", "/x");
  EXPECT_EQ(HubCacheFolder(), "/x/huggingface/hub");
  EXPECT_EQ(DearModelFolder(), "/x/dear/models");
  Set("HF_HOME", "~/hf");
  EXPECT_EQ(HubCacheFolder(), root_ / "home/hf/hub");
  Set("HF_HUB_CACHE", "");
  EXPECT_EQ(HubCacheFolder(), root_ / "home/hf/hub");
  Set("HF_HUB_CACHE", "/hub");
  EXPECT_EQ(HubCacheFolder(), "/hub");
}

TEST_F(HubCacheTest, FindsSnapshots) {
  EXPECT_EQ(FindHubSnapshot("org/name"), std::nullopt);
  const fs::path snapshot = MakeSnapshot();
  EXPECT_EQ(FindHubSnapshot("org/name"), snapshot);
  EXPECT_EQ(FindHubSnapshot("org/name", "0123abcd"), snapshot);
  EXPECT_EQ(FindHubSnapshot("org/name", "v2.0"), std::nullopt);
  Touch(HubCacheFolder() / "models--org--name/refs/refs/pr/1", "0123abcd\n");
  EXPECT_EQ(FindHubSnapshot("org/name", "refs/pr/1"), snapshot);
  EXPECT_EQ(FindHubSnapshot("org/other"), std::nullopt);
}

TEST_F(HubCacheTest, NeverLeavesTheCache) {
  MakeSnapshot();
  for (const char* id : {"", "/", "..", "../name", "org/..", "org/../x", "org/name/x", "/etc",
                         "org--x/name", "org/.git", "a b/c", "org/na\nme", "-x/y"}) {
    EXPECT_FALSE(IsHubId(id)) << id;
    ExpectError(ErrorCode::kInvalidArgument, "hub", [&] { FindHubSnapshot(id); });
  }
  for (const char* revision : {"", "..", "../main", "refs/../main", "/main", "a//b", "main/"}) {
    ExpectError(ErrorCode::kInvalidArgument, "revision",
                [&] { FindHubSnapshot("org/name", revision); });
  }
  for (const char* commit : {"../../..", "", "/", "a/b", "."}) {
    Touch(HubCacheFolder() / "models--org--name/refs/main", commit);
    ExpectError(ErrorCode::kInvalidFormat, "refs/main", [&] { FindHubSnapshot("org/name"); });
  }
  Touch(HubCacheFolder() / "models--org--name/refs/main", std::string(1000, 'a'));
  ExpectError(ErrorCode::kInvalidFormat, "refs/main", [&] { FindHubSnapshot("org/name"); });
}

TEST_F(HubCacheTest, ResolvesModels) {
  Touch("folder/config.json");
  EXPECT_EQ(ResolveModel("folder"), "folder");
  Touch("some.gguf");
  EXPECT_EQ(ResolveModel("some.gguf"), "some.gguf");
  Touch("only/model.gguf");
  EXPECT_EQ(ResolveModel("only"), "only/model.gguf");
  Touch("only/second.gguf");
  EXPECT_EQ(ResolveModel("only"), "only");
  Touch(root_ / "home/m.gguf");
  EXPECT_EQ(ResolveModel("~/m.gguf"), root_ / "home/m.gguf");
  ExpectError(ErrorCode::kNotFound, "hf download org/name", [] { ResolveModel("org/name"); });
  const fs::path snapshot = MakeSnapshot();
  EXPECT_EQ(ResolveModel("org/name"), snapshot);
  ExpectError(ErrorCode::kNotFound, "smollm2-135m-instruct", [] { ResolveModel("../x"); });
  ExpectError(ErrorCode::kInvalidArgument, "no name", [] { ResolveModel(""); });
}

TEST_F(HubCacheTest, ResolvesTheShippedModel) {
  const ShippedModel& model = ShippedModels().front();
  EXPECT_EQ(model.name, "smollm2-135m-instruct");
  ExpectError(ErrorCode::kNotFound, "scripts/quickstart", [&] { ResolveModel(model.name); });
  const fs::path file = DearModelFolder() / model.file;
  Touch(file, "part of it");
  ExpectError(ErrorCode::kInvalidFormat, "98362432", [&] { ResolveModel(model.name); });
  fs::resize_file(file, model.bytes);  // a hole: takes no room
  EXPECT_EQ(ResolveModel(model.name), file);
}

TEST_F(HubCacheTest, AShippedAdapterIsItsFolder) {
  for (const ShippedModel& model : ShippedModels()) {
    if (!model.hub_id.empty()) continue;
    ExpectError(ErrorCode::kNotFound, "scripts/quickstart", [&] { ResolveModel(model.name); });
    const fs::path weights = DearModelFolder() / model.file;
    Touch(weights);
    fs::resize_file(weights, model.bytes);
    EXPECT_EQ(ResolveModel(model.name), weights.parent_path());
    EXPECT_EQ(ShippedPath(model), weights.parent_path());
  }
}

TEST(ShippedModelsTest, AdaptersAreThoseOfTheRepository) {
  size_t adapters = 0;
  for (const ShippedModel& model : ShippedModels()) {
    if (!model.hub_id.empty()) continue;
    const auto file = MappedFile::Open(fs::path(DEAR_SOURCE_DIR) / "models" / model.file);
    EXPECT_EQ(file->bytes().size(), model.bytes) << model.name;
    EXPECT_EQ(Sha256Hex(file->bytes()), model.sha256) << model.name;
    ++adapters;
  }
  EXPECT_GT(adapters, 0U);
}

TEST_F(HubCacheTest, ResolvesTheBaseOfAnAdapter) {
  Touch(root_ / "work/adapter/adapter_config.json");
  const fs::path adapter = root_ / "work/adapter";
  Touch(root_ / "work/base/config.json");
  EXPECT_EQ(ResolveBase(adapter, (root_ / "work/base").string()), root_ / "work/base");
  EXPECT_EQ(ResolveBase(adapter, "base"), "base");  // relative to the working folder
  EXPECT_EQ(ResolveBase(adapter, "../base"), adapter / "../base");
  Touch(adapter / "base/config.json");
  EXPECT_EQ(ResolveBase(adapter, "base"), adapter / "base");  // the adapter's folder goes first
  ExpectError(ErrorCode::kNotFound, "--base", [&] { ResolveBase(adapter, ""); });
  ExpectError(ErrorCode::kNotFound, "org/name", [&] { ResolveBase(adapter, "org/name"); });
  const fs::path snapshot = MakeSnapshot();
  EXPECT_EQ(ResolveBase(adapter, "org/name"), snapshot);
  ExpectError(ErrorCode::kNotFound, "at that path", [&] { ResolveBase(adapter, "/absent/x"); });
}

}  // namespace
}  // namespace dear
