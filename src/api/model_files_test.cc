#include "api/model_files.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/testing/goldens.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

using testing::kFlows;

ErrorCode CodeOf(const std::string& name, const std::string& base) {
  try {
    FindModelFiles(name, base);
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::kInternal;
}

TEST(ModelFilesTest, AnAdapterStandsBesideItsBase) {
  const ModelFiles plain = FindModelFiles((kFlows / "base").string());
  EXPECT_EQ(plain.base, kFlows / "base");
  EXPECT_FALSE(plain.adapter);
  const ModelFiles adapted = FindModelFiles((kFlows / "listwise").string());
  EXPECT_TRUE(fs::equivalent(adapted.base, kFlows / "base"));
  EXPECT_EQ(adapted.adapter, kFlows / "listwise");
}

TEST(ModelFilesTest, AnotherBaseMayBeNamedForAnAdapterAlone) {
  const fs::path other = fs::path(::testing::TempDir()) / "other";
  fs::copy(kFlows / "base", other);
  EXPECT_EQ(FindModelFiles((kFlows / "listwise").string(), other.string()).base, other);
  const std::string base = (kFlows / "base").string();
  const std::string adapter = (kFlows / "listwise").string();
  EXPECT_EQ(CodeOf(base, base), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(adapter, (kFlows / "classifier").string()), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(adapter, "absent/model"), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf("absent/model", ""), ErrorCode::kNotFound);
  fs::remove_all(other);
}

TEST(ModelFilesTest, TheAdaptersOwnTokenizerComesFirst) {
  const fs::path adapter = fs::path(::testing::TempDir()) / "adapter";
  fs::copy(kFlows / "listwise", adapter);
  const ModelFiles files = FindModelFiles(adapter.string(), (kFlows / "base").string());
  EXPECT_FALSE(HasTokenizer(adapter));
  EXPECT_TRUE(HasTokenizer(files));
  const auto of_base = OpenTokenizer(files);
  EXPECT_EQ(OpenTokenizer(adapter.string(), (kFlows / "base").string())->Encode("light").ids,
            of_base->Encode("light").ids);
  // A broken one of its own is no reason to take the base's.
  std::ofstream(adapter / "tokenizer.json") << "{}";
  EXPECT_TRUE(HasTokenizer(adapter));
  EXPECT_THROW(OpenTokenizer(files), Error);
  fs::remove_all(adapter);
}

TEST(ModelFilesTest, AFolderOfTokenizerFilesIsEnoughForTheTokenizer) {
  const fs::path folder = fs::path(::testing::TempDir()) / "tokenizer";
  fs::create_directory(folder);
  fs::copy(kFlows / "base" / "tokenizer.json", folder);
  EXPECT_FALSE(OpenTokenizer(folder.string())->Encode("light").ids.empty());
  EXPECT_FALSE(OpenTokenizer((folder / "tokenizer.json").string())->Encode("light").ids.empty());
  fs::remove_all(folder);
}

}  // namespace
}  // namespace dear
