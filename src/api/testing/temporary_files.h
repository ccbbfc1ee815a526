#ifndef DEAR_API_TESTING_TEMPORARY_FILES_H_
#define DEAR_API_TESTING_TEMPORARY_FILES_H_

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"

namespace dear {

// Files of one test, in a folder that goes with it.
class TemporaryFiles {
 public:
  TemporaryFiles()
      : folder_(std::filesystem::temp_directory_path() /
                ("dear_api_" + std::to_string(getpid()) + "_" +
                 ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~TemporaryFiles() { std::filesystem::remove_all(folder_); }
  TemporaryFiles(const TemporaryFiles&) = delete;
  TemporaryFiles& operator=(const TemporaryFiles&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path Plain(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  std::filesystem::path Packed(const std::string& name, const std::string& text) const {
    gzFile file = gzopen((folder_ / name).c_str(), "wb");
    gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    gzclose(file);
    return folder_ / name;
  }

 private:
  std::filesystem::path folder_;
};

// What `fn` throws, as text; empty where it does not.
template <typename Fn>
std::string ErrorOf(const Fn& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace dear

#endif  // DEAR_API_TESTING_TEMPORARY_FILES_H_
