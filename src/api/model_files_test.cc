#include "api/model_files.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

const fs::path kFilesOfFlows = fs::path(DEAR_SOURCE_DIR) / "tests/golden/flows";

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
  const ModelFiles plain = FindModelFiles((kFilesOfFlows / "base").string());
  EXPECT_EQ(plain.base, kFilesOfFlows / "base");
  EXPECT_FALSE(plain.adapter);
  const ModelFiles adapted = FindModelFiles((kFilesOfFlows / "listwise").string());
  EXPECT_TRUE(fs::equivalent(adapted.base, kFilesOfFlows / "base"));
  EXPECT_EQ(adapted.adapter, kFilesOfFlows / "listwise");
}

TEST(ModelFilesTest, AnotherBaseMayBeNamedForAnAdapterAlone) {
  const fs::path other = fs::path(::testing::TempDir()) / "other";
  fs::copy(kFilesOfFlows / "base", other);
  EXPECT_EQ(FindModelFiles((kFilesOfFlows / "listwise").string(), other.string()).base, other);
  const std::string base = (kFilesOfFlows / "base").string();
  const std::string adapter = (kFilesOfFlows / "listwise").string();
  EXPECT_EQ(CodeOf(base, base), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(adapter, (kFilesOfFlows / "classifier").string()), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(adapter, "absent/model"), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf("absent/model", ""), ErrorCode::kNotFound);
  fs::remove_all(other);
}

TEST(ModelFilesTest, TheAdaptersOwnTokenizerComesFirst) {
  const fs::path adapter = fs::path(::testing::TempDir()) / "adapter";
  fs::copy(kFilesOfFlows / "listwise", adapter);
  const ModelFiles files = FindModelFiles(adapter.string(), (kFilesOfFlows / "base").string());
  EXPECT_FALSE(HasTokenizer(adapter));
  EXPECT_TRUE(HasTokenizer(files));
  const auto of_base = OpenTokenizer(files);
  EXPECT_EQ(OpenTokenizer(adapter.string(), (kFilesOfFlows / "base").string())->Encode("light").ids,
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
  fs::copy(kFilesOfFlows / "base" / "tokenizer.json", folder);
  EXPECT_FALSE(OpenTokenizer(folder.string())->Encode("light").ids.empty());
  EXPECT_FALSE(OpenTokenizer((folder / "tokenizer.json").string())->Encode("light").ids.empty());
  fs::remove_all(folder);
}

}  // namespace
}  // namespace dear
