#include "tensor/packed_matrix.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <new>
#include <utility>
#include <vector>

#include "base/ceil_div.h"
#include "base/thread_pool.h"
#include "tensor/rounding.h"

namespace dear {
namespace {

constexpr int64_t kOuts = PackedWeights::kOuts;
constexpr int64_t kDepth = PackedWeights::kDepth;

// Memory that starts on a cache line, filled with zeros.
class Lines {
 public:
  Lines() = default;
  explicit Lines(int64_t bytes) : size_(bytes) {
    void* memory = ::operator new(static_cast<size_t>(bytes), kAlignment);
    memory_.reset(static_cast<std::byte*>(memory));
    std::memset(memory, 0, static_cast<size_t>(bytes));
  }
  std::byte* data() const { return memory_.get(); }
  int64_t size() const { return size_; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Delete {
    void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
  };
  std::unique_ptr<std::byte, Delete> memory_;
  int64_t size_ = 0;
};

uint16_t BF16Of(float value) {
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(RoundThroughBF16(value)) >> 16);
}

// 4-bit levels as bytes: levels[i] = (byte_levels[i] - byte_offset) * byte_unit, exactly where the
// levels are whole numbers, else to the nearest of 255.
void SetByteLevels(PackedWeights& weights) {
  float largest = 0;
  bool whole = true;
  for (const float level : weights.levels) {
    largest = std::max(largest, std::abs(level));
    whole = whole && level == std::round(level);
  }
  if (!whole || largest > 127) weights.byte_unit = largest / 127;
  std::array<int32_t, 16> steps{};
  for (size_t i = 0; i < steps.size(); ++i) {
    steps[i] = static_cast<int32_t>(std::lround(weights.levels[i] / weights.byte_unit));
  }
  weights.byte_offset = -*std::ranges::min_element(steps);
  for (size_t i = 0; i < steps.size(); ++i) {
    weights.byte_levels[i] = static_cast<uint8_t>(steps[i] + weights.byte_offset);
  }
  weights.largest_byte = *std::ranges::max_element(weights.byte_levels);
}

class PackedMatrix final : public Matrix {
 public:
  PackedMatrix(const Matrix& source, ThreadPool* pool, Activations activations);

  std::string form() const override { return form_; }
  uint64_t bytes() const override {
    return static_cast<uint64_t>(data_.size() + scales_.size() + minima_.size());
  }
  const PackedWeights* Packed() const override { return &view_; }
  void CopyRows(int64_t row, int64_t count, float* dst) const override;

 private:
  void SetForm(const CodedForm& form, Activations activations);
  // The rows of one panel, in f32 or as codes, put into their places.
  void PackPairs(const Matrix& source, int64_t panel, std::vector<float>& rows);
  void PackCodes(const Matrix& source, int64_t panel, std::vector<uint8_t>& codes,
                 std::vector<float>& scales);
  void PutScales(const float* from, int64_t outs, int64_t panel, std::byte* to) const;
  float Scale(const void* scales, int64_t at) const;
  float Value(int64_t row, int64_t col) const;

  std::string form_;
  Lines data_, scales_, minima_;
  PackedWeights view_;
};

PackedMatrix::PackedMatrix(const Matrix& source, ThreadPool* pool, Activations activations)
    : Matrix(source.rows(), source.cols()), form_("packed " + source.form()) {
  view_.panels = CeilDiv(rows(), kOuts);
  view_.depth = CeilDiv(cols(), kDepth) * kDepth;
  const std::optional<CodedForm> form = source.Coded();
  if (form) {
    SetForm(*form, activations);
  } else {
    data_ = Lines(view_.panels * kOuts * view_.depth * int64_t{sizeof(uint16_t)});
  }
  view_.data = data_.data();
  view_.scales = scales_.data();
  view_.minima = minima_.data();

  const auto pack = [&](int64_t panel) {
    if (form) {
      std::vector<uint8_t> codes(static_cast<size_t>(kOuts * cols()));
      std::vector<float> scales(static_cast<size_t>(2 * kOuts * (cols() / form->block)));
      PackCodes(source, panel, codes, scales);
    } else {
      std::vector<float> values(static_cast<size_t>(kOuts * cols()));
      PackPairs(source, panel, values);
    }
  };
  if (pool != nullptr) {
    pool->Run(view_.panels, [&](int64_t panel, int) { pack(panel); });
  } else {
    for (int64_t panel = 0; panel < view_.panels; ++panel) pack(panel);
  }
}

void PackedMatrix::SetForm(const CodedForm& form, Activations activations) {
  view_.activations = activations;
  view_.kind = form.bits == 4 ? PackedWeights::Kind::kCodes4 : PackedWeights::Kind::kCodes8;
  view_.block = form.block;
  view_.scale_blocks = CeilDiv(view_.depth, form.block);
  view_.half_scales = form.half_scales;
  view_.levels = form.levels;
  if (form.bits == 4) {
    SetByteLevels(view_);
  } else {
    view_.byte_offset = 128;
  }
  data_ = Lines(view_.panels * kOuts * view_.depth * form.bits / 8);
  const int64_t scale_bytes = form.half_scales ? 2 : 4;
  const int64_t bytes = view_.panels * kOuts * view_.scale_blocks * scale_bytes;
  scales_ = Lines(bytes);
  if (form.has_minimum) minima_ = Lines(bytes);
}

void PackedMatrix::PackPairs(const Matrix& source, int64_t panel, std::vector<float>& values) {
  const int64_t first = panel * kOuts;
  const int64_t outs = std::min(kOuts, rows() - first);
  source.CopyRows(first, outs, values.data());
  auto* to = reinterpret_cast<uint32_t*>(data_.data()) + first * view_.depth / 2;
  for (int64_t out = 0; out < outs; ++out) {
    const float* from = values.data() + out * cols();
    for (int64_t k = 0; k + 1 < cols(); k += 2) {
      to[k / 2 * kOuts + out] = BF16Of(from[k]) | (uint32_t{BF16Of(from[k + 1])} << 16);
    }
    if (cols() % 2 != 0) to[cols() / 2 * kOuts + out] = BF16Of(from[cols() - 1]);
  }
}

void PackedMatrix::PutScales(const float* from, int64_t outs, int64_t panel, std::byte* to) const {
  const int64_t blocks = cols() / view_.block;
  for (int64_t out = 0; out < outs; ++out) {
    for (int64_t block = 0; block < blocks; ++block) {
      const float value = from[out * blocks + block];
      const int64_t at = (panel * view_.scale_blocks + block) * kOuts + out;
      if (view_.half_scales) {
        const uint16_t half = F32ToF16(value);
        std::memcpy(to + at * 2, &half, sizeof(half));
      } else {
        std::memcpy(to + at * 4, &value, sizeof(value));
      }
    }
  }
}

void PackedMatrix::PackCodes(const Matrix& source, int64_t panel, std::vector<uint8_t>& codes,
                             std::vector<float>& scales) {
  const int64_t first = panel * kOuts;
  const int64_t outs = std::min(kOuts, rows() - first);
  float* minima = scales.data() + scales.size() / 2;
  source.CopyCodes(first, outs, codes.data(), scales.data(),
                   view_.minima == nullptr ? nullptr : minima);
  PutScales(scales.data(), outs, panel, scales_.data());
  if (view_.minima != nullptr) PutScales(minima, outs, panel, minima_.data());
  // A row is a whole number of blocks and so of words.
  const bool nibbles = view_.kind == PackedWeights::Kind::kCodes4;
  const int64_t per_word = nibbles ? 8 : 4;
  auto* to = reinterpret_cast<uint32_t*>(data_.data()) + first * view_.depth / per_word;
  for (int64_t out = 0; out < outs; ++out) {
    const uint8_t* from = codes.data() + out * cols();
    for (int64_t word = 0; word < cols() / per_word; ++word, from += per_word) {
      uint32_t bits = 0;
      for (int64_t i = 0; i < per_word; ++i) bits |= uint32_t{from[i]} << (i * 32 / per_word);
      to[word * kOuts + out] = bits;
    }
  }
}

float PackedMatrix::Scale(const void* scales, int64_t at) const {
  const auto* from = static_cast<const std::byte*>(scales);
  if (view_.half_scales) {
    uint16_t half = 0;
    std::memcpy(&half, from + at * 2, sizeof(half));
    return F16ToF32(half);
  }
  float value = 0;
  std::memcpy(&value, from + at * 4, sizeof(value));
  return value;
}

float PackedMatrix::Value(int64_t row, int64_t col) const {
  const int64_t panel = row / kOuts;
  const int64_t out = row % kOuts;
  const int64_t base = panel * kOuts * view_.depth;
  if (view_.kind == PackedWeights::Kind::kPairs) {
    const auto* pairs = static_cast<const uint16_t*>(view_.data) + base;
    return BF16ToF32(pairs[(col / 2 * kOuts + out) * 2 + col % 2]);
  }
  const bool nibbles = view_.kind == PackedWeights::Kind::kCodes4;
  const int64_t byte = nibbles ? col / 2 : col;
  const auto* codes = static_cast<const uint8_t*>(view_.data) + (nibbles ? base / 2 : base);
  const uint8_t code = codes[(byte / 4 * kOuts + out) * 4 + byte % 4];
  const auto nibble = static_cast<size_t>(col % 2 == 0 ? code & 15 : code >> 4);
  const int64_t at = (panel * view_.scale_blocks + col / view_.block) * kOuts + out;
  if (view_.activations == Activations::kInt8) {
    const int32_t step = nibbles ? view_.byte_levels[nibble] - view_.byte_offset
                                 : static_cast<int32_t>(static_cast<int8_t>(code));
    const float scaled = static_cast<float>(step) * (view_.byte_unit * Scale(view_.scales, at));
    return view_.minima == nullptr ? scaled : scaled + Scale(view_.minima, at);
  }
  const float meaning =
      nibbles ? view_.levels[nibble] : static_cast<float>(static_cast<int8_t>(code));
  const float scaled = meaning * Scale(view_.scales, at);
  return RoundThroughBF16(view_.minima == nullptr ? scaled : scaled + Scale(view_.minima, at));
}

void PackedMatrix::CopyRows(int64_t row, int64_t count, float* dst) const {
  for (int64_t r = row; r < row + count; ++r) {
    for (int64_t col = 0; col < cols(); ++col) *dst++ = Value(r, col);
  }
}

}  // namespace

std::shared_ptr<const Matrix> PackMatrix(const Matrix& source, ThreadPool* pool,
                                         Activations activations) {
  return std::make_shared<PackedMatrix>(source, pool, activations);
}

}  // namespace dear
