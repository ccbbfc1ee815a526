#include "hub/packed_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "base/error.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

std::string KeyOf(char digit) {
  return std::string(64, digit);
}

class PackedFolderTest : public ::testing::Test {
 protected:
  PackedFolderTest()
      : root_(fs::temp_directory_path() / ("dear_packed_folder_" + std::to_string(getpid()))),
        folder_(root_ / "cache" / "packed") {
    folder_.MakeRoom(0, 1000);
  }
  ~PackedFolderTest() override { fs::remove_all(root_); }

  fs::path Put(const std::string& name, size_t bytes, int seconds_ago) const {
    const fs::path path = folder_.path() / name;
    std::ofstream(path) << std::string(bytes, 'x');
    Age(path, seconds_ago);
    return path;
  }
  fs::path Put(char key, size_t bytes, int seconds_ago) const {
    return Put(KeyOf(key) + ".packed", bytes, seconds_ago);
  }
  static void Age(const fs::path& path, int seconds) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::seconds(seconds));
  }

  fs::path root_;
  PackedFolder folder_;
};

TEST_F(PackedFolderTest, TheLongestUnusedGoFirstAndOnlyAsManyAsNeeded) {
  const fs::path a = Put('a', 400, 10);
  const fs::path b = Put('b', 400, 30);
  const fs::path c = Put('c', 100, 20);
  EXPECT_EQ(folder_.Bytes(), 900U);
  EXPECT_TRUE(folder_.MakeRoom(100, 1000));
  EXPECT_EQ(folder_.Bytes(), 900U);
  EXPECT_TRUE(folder_.MakeRoom(101, 1000));
  EXPECT_FALSE(fs::exists(b));
  EXPECT_TRUE(fs::exists(a) && fs::exists(c));
  EXPECT_TRUE(folder_.MakeRoom(0, 450));
  EXPECT_TRUE(fs::exists(a) && !fs::exists(c));
}

TEST_F(PackedFolderTest, UseMakesAFileTheYoungest) {
  const fs::path a = Put('a', 400, 30);
  const fs::path b = Put('b', 400, 20);
  EXPECT_NE(folder_.Use(KeyOf('a')), nullptr);
  EXPECT_EQ(folder_.Use(KeyOf('d')), nullptr);
  EXPECT_TRUE(folder_.MakeRoom(400, 1000));
  EXPECT_TRUE(fs::exists(a) && !fs::exists(b));
}

TEST_F(PackedFolderTest, WhatIsInUseStaysAndNothingGoesInVain) {
  const fs::path a = Put('a', 400, 30);
  const fs::path b = Put('b', 400, 20);
  const auto use = folder_.Use(KeyOf('a'));
  Age(a, 40);
  EXPECT_FALSE(folder_.MakeRoom(700, 1000));
  EXPECT_FALSE(folder_.MakeRoom(1001, 1000));
  EXPECT_TRUE(fs::exists(a) && fs::exists(b));
  EXPECT_TRUE(folder_.MakeRoom(600, 1000));
  EXPECT_TRUE(fs::exists(a) && !fs::exists(b));
}

TEST_F(PackedFolderTest, LeftOversGoWhenTheyAreOldAndNothingElseIsTouched) {
  const std::string name = KeyOf('a') + ".packed";
  const fs::path old = Put(name + ".Ab12Cd", 10, PackedFolder::kLeftOverSeconds + 60);
  const fs::path young = Put(name + ".Ab12Ce", 10, PackedFolder::kLeftOverSeconds - 60);
  const fs::path others[] = {Put("notes.txt", 500, 99999), Put(KeyOf('A') + ".packed", 500, 99999),
                             Put(name + ".x", 500, 99999), Put("b.packed", 500, 99999)};
  fs::create_directory(folder_.path() / (KeyOf('c') + ".packed"));
  EXPECT_EQ(folder_.Bytes(), 20U);
  EXPECT_TRUE(folder_.MakeRoom(0, 1000));
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(young));
  EXPECT_FALSE(folder_.MakeRoom(1000, 1000));  // one that is being written is not removed for it
  EXPECT_TRUE(fs::exists(young));
  for (const fs::path& other : others) EXPECT_TRUE(fs::exists(other));
  EXPECT_TRUE(fs::exists(folder_.path() / (KeyOf('c') + ".packed")));
}

TEST_F(PackedFolderTest, AFolderThatCannotBeMadeIsAnError) {
  std::ofstream(root_ / "file") << "x";
  const PackedFolder folder(root_ / "file" / "packed");
  EXPECT_THROW(folder.MakeRoom(0, 1000), Error);
  EXPECT_EQ(folder.Use(KeyOf('a')), nullptr);
  EXPECT_EQ(folder.Bytes(), 0U);
}

}  // namespace
}  // namespace dear
