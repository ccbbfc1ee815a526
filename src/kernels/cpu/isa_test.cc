#include "kernels/cpu/isa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "kernels/backend.h"

namespace dear::cpu {
namespace {

TEST(IsaTest, ScalarIsAlwaysThereAndTheWidestIsTheDefault) {
  const auto runnable = RunnableKernels();
  ASSERT_FALSE(runnable.empty());
  EXPECT_STREQ(runnable.back()->name, "scalar");
  EXPECT_EQ(&ChooseKernels(""), runnable.front());
  for (const KernelTable* table : runnable) EXPECT_EQ(&ChooseKernels(table->name), table);
}

TEST(IsaTest, AnUnknownNameIsRefused) {
  for (const char* name : {"sse9", "AVX2", "avx2 ", "amx2"}) {
    try {
      ChooseKernels(name);
      FAIL() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_THAT(error.what(), ::testing::HasSubstr(name));
    }
  }
}

TEST(IsaTest, TheEnvironmentChoosesWhatRuns) {
  const auto pool = std::make_shared<ThreadPool>(1);
  const char* before = std::getenv("DEAR_ISA");
  const std::string saved = before == nullptr ? "" : before;
  for (const KernelTable* table : RunnableKernels()) {
    setenv("DEAR_ISA", table->name, 1);
    EXPECT_EQ(MakeCpuBackend(pool)->name(), "cpu/" + std::string(table->name));
  }
  setenv("DEAR_ISA", "quantum", 1);
  EXPECT_THROW(MakeCpuBackend(pool), Error);
  saved.empty() ? unsetenv("DEAR_ISA") : setenv("DEAR_ISA", saved.c_str(), 1);
}

}  // namespace
}  // namespace dear::cpu
