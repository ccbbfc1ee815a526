#ifndef DEAR_APPS_DEAR_RECORD_FILE_H_
#define DEAR_APPS_DEAR_RECORD_FILE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace dear::app {

enum class ExistingFile { kRefuse, kResume, kOverwrite };

enum class RecordLayout {
  kLines,      // a record a line
  kTrecLines,  // a record is the lines that begin with the same query id
  kList        // a JSON list, indented by two, as Python's json.dump(..., indent=2) lays it out
};

// Whether there is a regular file that holds something.
bool HoldsSomething(const std::filesystem::path& path);

// Throws kInvalidArgument where there is such a file and it is to be refused; for a caller that has
// long work before it opens the file.
void RefuseExisting(const std::filesystem::path& path, ExistingFile existing);

// A file that grows by one record a query, each on disk as soon as it is appended. A list is
// closed behind every record, so that it can be read while the job goes on.
class RecordFile {
 public:
  // Opens or makes the file. An existing one is refused (kInvalidArgument), emptied, or kept for
  // ReadBack. Throws kIo.
  RecordFile(std::filesystem::path path, RecordLayout layout, ExistingFile existing);
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  // Gives the whole records of a file that is carried on, in their order, with the place to name
  // in errors; call it before the first Append. A last record that was cut off is dropped, wherever
  // the cut is (of TREC lines the last record goes always: nothing there says that it was whole),
  // and so is all from the first record on for which `keep` returns false.
  void ReadBack(const std::function<bool(std::string_view record, const std::string& where)>& keep);

  // A record: lines with their ends, or the JSON object of a list, indented by two. It outlives
  // this process at once, and a loss of power after a second. Throws kIo.
  void Append(std::string_view record);
  // All that was appended is on the disk when this returns. Throws kIo.
  void Sync();

  RecordLayout layout() const { return layout_; }

 private:
  void Write(std::string_view bytes);
  void Seek(uintmax_t offset) const;

  std::filesystem::path path_;
  RecordLayout layout_;
  bool first_ = true;  // no record stands in the list
  uintmax_t end_ = 0;  // of the last record, in a list
  int descriptor_ = -1;
  std::chrono::steady_clock::time_point synced_ = std::chrono::steady_clock::now();
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_RECORD_FILE_H_
