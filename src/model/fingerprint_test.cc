#include "model/fingerprint.h"

#include <gtest/gtest.h>

#include <set>

#include "base/mapped_file.h"
#include "model/testing/golden_case.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<const Model> Golden(const std::string& name) {
  return testing::LoadGolden(testing::FindGolden(name));
}

TEST(FingerprintTest, IsThatOfTheNumbersNotOfTheFiles) {
  const std::string llama = Fingerprint(*Golden("llama"));
  EXPECT_EQ(llama.size(), 64U);
  EXPECT_EQ(llama, Fingerprint(*Golden("llama")));
  std::set<std::string> all;
  for (const char* name : {"llama", "llama_tied", "llama_biases", "llama_bf16", "llama_mha_odd"})
    all.insert(Fingerprint(*Golden(name)));
  EXPECT_EQ(all.size(), 5U);
}

TEST(FingerprintTest, ChangesWithTrainedWeights) {
  const fs::path from = testing::GoldenFolder() / "bases/llama";
  const fs::path to = fs::temp_directory_path() / "fingerprint";
  fs::remove_all(to);
  fs::copy(from, to);
  EXPECT_EQ(Fingerprint(*Model::Load(OpenCheckpoint(to))), Fingerprint(*Golden("llama")));
  // The lowest bits of every number, as one small step of training would.
  std::string data = ReadFile(to / "model.safetensors");
  uint64_t header = 0;
  std::memcpy(&header, data.data(), sizeof(header));
  for (size_t i = 8 + header; i < data.size(); i += 4) data[i] = static_cast<char>(data[i] ^ 1);
  WriteFileAtomically(to / "model.safetensors", std::as_bytes(std::span(data)));
  EXPECT_NE(Fingerprint(*Model::Load(OpenCheckpoint(to))), Fingerprint(*Golden("llama")));
}

TEST(FingerprintTest, TellsAdaptersApart) {
  std::set<std::string> all;
  size_t cases = 0;
  std::set<std::string> folders;
  for (const testing::GoldenCase& test : testing::GoldenCases()) {
    if (test.adapter.empty() || !folders.insert(test.adapter).second) continue;
    const auto model = testing::LoadGolden(test);
    all.insert(Fingerprint(*testing::BindGolden(test, *model)));
    ++cases;
  }
  EXPECT_GT(cases, 5U);
  EXPECT_EQ(all.size(), cases);
}

}  // namespace
}  // namespace dear
