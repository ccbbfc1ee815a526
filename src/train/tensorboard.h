#ifndef DEAR_TRAIN_TENSORBOARD_H_
#define DEAR_TRAIN_TENSORBOARD_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/json.h"
#include "train/append_file.h"
#include "train/training_log.h"

namespace dear {

// CRC-32C (Castagnoli) of the bytes.
uint32_t Crc32c(std::string_view bytes);

// Event messages (tensorflow/core/util/event.proto) in protobuf's encoding: the first of a file,
// and one with one scalar, a simple_value, which is a float.
std::string FileVersionEvent(double wall_time);
std::string ScalarEvent(double wall_time, int64_t step, std::string_view tag, double value);

// The frame of one message in an event file (TFRecord): its length as 8 bytes and their masked CRC,
// the bytes and theirs, all little-endian.
std::string EventRecord(std::string_view message);

// Where transformers puts the event files of a run: OUTPUT_DIR/runs/Aug07_18-30-59_HOST, in local
// time (TensorBoardCallback, default_logdir).
std::filesystem::path TensorboardFolder(const std::filesystem::path& output_dir, double wall_time);

// One event file for TensorBoard, readable while it grows. Members throw Error (kIo).
class TensorboardWriter {
 public:
  // Makes the folder where it is missing, and in it events.out.tfevents.SECONDS.HOST.PID.N, a name
  // that no other writer has. Times are seconds since 1970.
  TensorboardWriter(const std::filesystem::path& folder, double wall_time);

  void Scalar(std::string_view tag, int64_t step, double value, double wall_time);
  // The figures of an entry under transformers' tags: train/loss, train/grad_norm,
  // train/learning_rate, train/epoch, eval/loss, and eval/x for eval_x.
  void Append(const LogEntry& entry, double wall_time);
  // The numbers of an object that holds a run's results (TrainMetrics) as train/KEY.
  void AppendMetrics(const Json& metrics, int64_t step, double wall_time);

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  AppendFile file_;
};

}  // namespace dear

#endif  // DEAR_TRAIN_TENSORBOARD_H_
