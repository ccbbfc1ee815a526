// gtest's main with a temporary folder of the process's own: tests run side by side, each in a
// process, and under several builds at once, so that fixed names in a shared folder would meet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  std::string folder = (std::filesystem::temp_directory_path() / "dear-test.XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) {
    std::perror("cannot make a temporary folder");
    return 1;
  }
  setenv("TEST_TMPDIR", folder.c_str(), /*overwrite=*/1);
  setenv("TMPDIR", folder.c_str(), /*overwrite=*/1);
  const int result = RUN_ALL_TESTS();
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return result;
}
