#include "train/tensorboard.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstdio>
#include <ctime>
#include <system_error>

#include "base/error.h"
#include "train/training_log.h"

namespace dear {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kFileVersion = "brain.Event:2";
constexpr uint32_t kCastagnoli = 0x82F63B78;  // the polynomial, lowest power in the highest bit
constexpr uint32_t kMaskDelta = 0xA282EAD8;

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kCastagnoli : 0);
    table[i] = crc;
  }
  return table;
}

constexpr std::array<uint32_t, 256> kCrcTable = MakeCrcTable();

// A checksum of bytes that hold checksums is weak; the format therefore stores it turned and moved.
uint32_t MaskedCrc(std::string_view bytes) {
  return std::rotr(Crc32c(bytes), 15) + kMaskDelta;
}

template <typename UIntT>
void PutLittleEndian(UIntT value, std::string* out) {
  for (size_t byte = 0; byte < sizeof(UIntT); ++byte) {
    out->push_back(static_cast<char>(static_cast<uint8_t>(value >> (8 * byte))));
  }
}

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void PutVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>((value & 0x7F) | 0x80));
  out->push_back(static_cast<char>(value));
}

void PutKey(uint32_t field, WireType type, std::string* out) {
  PutVarint(field << 3 | static_cast<uint32_t>(type), out);
}

void PutBytes(uint32_t field, std::string_view bytes, std::string* out) {
  PutKey(field, WireType::kBytes, out);
  PutVarint(bytes.size(), out);
  *out += bytes;
}

// Event.wall_time and Event.step; what is zero is not written, as everywhere in proto3.
std::string EventBegin(double wall_time, int64_t step) {
  std::string out;
  if (std::bit_cast<uint64_t>(wall_time) != 0) {
    PutKey(1, WireType::kFixed64, &out);
    PutLittleEndian(std::bit_cast<uint64_t>(wall_time), &out);
  }
  if (step != 0) {
    PutKey(2, WireType::kVarint, &out);
    PutVarint(static_cast<uint64_t>(step), &out);
  }
  return out;
}

std::string HostName() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

fs::path EventFile(const fs::path& folder, double wall_time) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error(ErrorCode::kIo, folder.string(), "cannot make the folder: " + error.message());
  }
  static std::atomic<int> next{0};
  std::array<char, 24> seconds{};
  std::snprintf(seconds.data(), seconds.size(), "%010lld", static_cast<long long>(wall_time));
  return folder / ("events.out.tfevents." + std::string(seconds.data()) + "." + HostName() + "." +
                   std::to_string(::getpid()) + "." + std::to_string(next++));
}

}  // namespace

uint32_t Crc32c(std::string_view bytes) {
  uint32_t crc = ~uint32_t{0};
  for (const char c : bytes) {
    crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<uint8_t>(c)) & 0xFF];
  }
  return ~crc;
}

std::string FileVersionEvent(double wall_time) {
  std::string event = EventBegin(wall_time, 0);
  PutBytes(3, kFileVersion, &event);
  return event;
}

std::string ScalarEvent(double wall_time, int64_t step, std::string_view tag, double value) {
  std::string scalar;  // Summary.Value
  if (!tag.empty()) PutBytes(1, tag, &scalar);
  PutKey(2, WireType::kFixed32, &scalar);
  PutLittleEndian(std::bit_cast<uint32_t>(static_cast<float>(value)), &scalar);
  std::string summary;
  PutBytes(1, scalar, &summary);
  std::string event = EventBegin(wall_time, step);
  PutBytes(5, summary, &event);
  return event;
}

std::string EventRecord(std::string_view message) {
  std::string out;
  PutLittleEndian(static_cast<uint64_t>(message.size()), &out);
  PutLittleEndian(MaskedCrc(out), &out);
  out += message;
  PutLittleEndian(MaskedCrc(message), &out);
  return out;
}

fs::path TensorboardFolder(const fs::path& output_dir, double wall_time) {
  const auto seconds = static_cast<std::time_t>(wall_time);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  // %b would follow the user's language.
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::array<char, 32> rest{};
  std::strftime(rest.data(), rest.size(), "%d_%H-%M-%S", &local);
  return output_dir / "runs" /
         (kMonths[static_cast<size_t>(local.tm_mon)] + std::string(rest.data()) + "_" + HostName());
}

TensorboardWriter::TensorboardWriter(const fs::path& folder, double wall_time)
    : path_(EventFile(folder, wall_time)), file_(path_, AppendFile::Existing::kReplace) {
  file_.Append(EventRecord(FileVersionEvent(wall_time)));
}

void TensorboardWriter::Scalar(std::string_view tag, int64_t step, double value, double wall_time) {
  file_.Append(EventRecord(ScalarEvent(wall_time, step, tag, value)));
}

void TensorboardWriter::Append(const LogEntry& entry, double wall_time) {
  const auto put = [&](std::string_view tag, const std::optional<double>& value) {
    if (value) Scalar(tag, entry.step, *value, wall_time);
  };
  put("train/loss", entry.loss);
  put("train/grad_norm", entry.grad_norm);
  put("train/learning_rate", entry.learning_rate);
  put("eval/loss", entry.eval_loss);
  for (const auto& [name, value] : entry.evaluations) {
    put("eval/" + name.substr(name.starts_with(kEvalPrefix) ? kEvalPrefix.size() : 0), value);
  }
  put("train/epoch", entry.epoch);
}

void TensorboardWriter::AppendMetrics(const Json& metrics, int64_t step, double wall_time) {
  for (const auto& [key, value] : metrics.items()) {
    if (value.is_number()) Scalar("train/" + key, step, value.get<double>(), wall_time);
  }
}

}  // namespace dear
