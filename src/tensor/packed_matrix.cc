#include "tensor/packed_matrix.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "base/aligned_vector.h"
#include "base/ceil_div.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "tensor/rounding.h"

namespace dear {
namespace {

constexpr int64_t kOuts = PackedWeights::kOuts;
constexpr int64_t kDepth = PackedWeights::kDepth;
constexpr std::string_view kFormPrefix = "packed ";

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

// A level that is no number, or so large or small that a step of 255 is not one, has no byte.
bool LevelsAreSound(const std::array<float, 16>& levels) {
  float largest = 0;
  for (const float level : levels) {
    if (!std::isfinite(level)) return false;
    largest = std::max(largest, std::abs(level));
  }
  return largest == 0 || (largest > 0x1p-60F && largest < 0x1p60F);
}

// Bytes of the three parts of a packed matrix, each a multiple of kAlign.
struct PartBytes {
  uint64_t data = 0;
  uint64_t scales = 0;
  uint64_t minima = 0;
  uint64_t all() const { return data + scales + minima; }
};

constexpr int64_t kAlign = 64;
// Rows and columns beyond these are no matrix; below, no product here overflows 64 bits.
constexpr int64_t kMostRows = int64_t{1} << 31;
constexpr int64_t kMostNumbers = int64_t{1} << 48;

uint64_t FilledUp(int64_t bytes) {
  return static_cast<uint64_t>(CeilDiv(bytes, kAlign) * kAlign);
}

std::optional<PartBytes> CountParts(int64_t rows, int64_t cols, const PackedForm& form) {
  if (rows < 0 || cols < 1 || rows > kMostRows || cols > kMostRows) return std::nullopt;
  const int64_t depth = CeilDiv(cols, kDepth) * kDepth;
  const int64_t outs = CeilDiv(rows, kOuts) * kOuts;
  if (outs > kMostNumbers / depth) return std::nullopt;
  const int64_t numbers = outs * depth;
  if (!form.codes) {
    if (form.activations != Activations::kBF16) return std::nullopt;
    return PartBytes{.data = FilledUp(numbers * 2)};
  }
  const CodedForm& codes = *form.codes;
  if ((codes.bits != 4 && codes.bits != 8) || codes.block < 16 || codes.block % 16 != 0 ||
      cols % codes.block != 0 || (codes.bits == 4 && !LevelsAreSound(codes.levels))) {
    return std::nullopt;
  }
  const int64_t scales = outs * CeilDiv(depth, codes.block) * (codes.half_scales ? 2 : 4);
  return PartBytes{.data = FilledUp(numbers * codes.bits / 8),
                   .scales = FilledUp(scales),
                   .minima = codes.has_minimum ? FilledUp(scales) : 0};
}

class PackedMatrix final : public Matrix {
 public:
  // `bytes` are as many as `parts` has.
  PackedMatrix(int64_t rows, int64_t cols, PackedForm form, const PartBytes& parts,
               const std::byte* bytes, std::shared_ptr<const void> owner);

  std::string form() const override { return std::string(kFormPrefix) + form_.source; }
  uint64_t bytes() const override { return parts_.all(); }
  const PackedWeights* Packed() const override { return &view_; }
  void CopyRows(int64_t row, int64_t count, float* dst) const override;

 private:
  void SetCodes(const CodedForm& codes);
  float Scale(const void* scales, int64_t at) const;
  float Value(int64_t row, int64_t col) const;

  PackedForm form_;
  PartBytes parts_;
  std::shared_ptr<const void> owner_;
  PackedWeights view_;
};

PackedMatrix::PackedMatrix(int64_t rows, int64_t cols, PackedForm form, const PartBytes& parts,
                           const std::byte* bytes, std::shared_ptr<const void> owner)
    : Matrix(rows, cols), form_(std::move(form)), parts_(parts), owner_(std::move(owner)) {
  view_.activations = form_.activations;
  view_.panels = CeilDiv(rows, kOuts);
  view_.depth = CeilDiv(cols, kDepth) * kDepth;
  view_.data = bytes;
  if (!form_.codes) return;
  SetCodes(*form_.codes);
  view_.scales = bytes + parts.data;
  if (form_.codes->has_minimum) view_.minima = bytes + parts.data + parts.scales;
}

void PackedMatrix::SetCodes(const CodedForm& codes) {
  view_.kind = codes.bits == 4 ? PackedWeights::Kind::kCodes4 : PackedWeights::Kind::kCodes8;
  view_.block = codes.block;
  view_.scale_blocks = CeilDiv(view_.depth, codes.block);
  view_.half_scales = codes.half_scales;
  view_.levels = codes.levels;
  if (codes.bits == 4) {
    SetByteLevels(view_);
  } else {
    view_.byte_offset = 128;
  }
}

// Puts the rows of `source` into the places that `view` gives them, which are in `bytes`.
class Packer {
 public:
  Packer(const Matrix& source, const PackedWeights& view, const PartBytes& parts, std::byte* bytes)
      : source_(source),
        view_(view),
        data_(bytes),
        scales_(bytes + parts.data),
        minima_(bytes + parts.data + parts.scales) {}

  void PackPanel(int64_t panel) const {
    if (view_.kind == PackedWeights::Kind::kPairs) {
      PackPairs(panel);
    } else {
      PackCodes(panel);
    }
  }

 private:
  int64_t OutsOf(int64_t panel) const { return std::min(kOuts, source_.rows() - panel * kOuts); }
  void PackPairs(int64_t panel) const;
  void PackCodes(int64_t panel) const;
  void PutScales(const float* from, int64_t outs, int64_t panel, std::byte* to) const;

  const Matrix& source_;
  const PackedWeights& view_;
  std::byte* data_;
  std::byte* scales_;
  std::byte* minima_;
};

void Packer::PackPairs(int64_t panel) const {
  const int64_t cols = source_.cols();
  const int64_t first = panel * kOuts;
  std::vector<float> values(static_cast<size_t>(kOuts * cols));
  source_.CopyRows(first, OutsOf(panel), values.data());
  auto* to = reinterpret_cast<uint32_t*>(data_) + first * view_.depth / 2;
  for (int64_t out = 0; out < OutsOf(panel); ++out) {
    const float* from = values.data() + out * cols;
    for (int64_t k = 0; k + 1 < cols; k += 2) {
      to[k / 2 * kOuts + out] = BF16Of(from[k]) | (uint32_t{BF16Of(from[k + 1])} << 16);
    }
    if (cols % 2 != 0) to[cols / 2 * kOuts + out] = BF16Of(from[cols - 1]);
  }
}

void Packer::PutScales(const float* from, int64_t outs, int64_t panel, std::byte* to) const {
  const int64_t blocks = source_.cols() / view_.block;
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

void Packer::PackCodes(int64_t panel) const {
  const int64_t cols = source_.cols();
  const int64_t first = panel * kOuts;
  const int64_t outs = OutsOf(panel);
  std::vector<uint8_t> codes(static_cast<size_t>(kOuts * cols));
  std::vector<float> scales(static_cast<size_t>(2 * kOuts * (cols / view_.block)));
  float* minima = view_.minima == nullptr ? nullptr : scales.data() + scales.size() / 2;
  source_.CopyCodes(first, outs, codes.data(), scales.data(), minima);
  PutScales(scales.data(), outs, panel, scales_);
  if (minima != nullptr) PutScales(minima, outs, panel, minima_);
  // A row is a whole number of blocks and so of words.
  const bool nibbles = view_.kind == PackedWeights::Kind::kCodes4;
  const int64_t per_word = nibbles ? 8 : 4;
  auto* to = reinterpret_cast<uint32_t*>(data_) + first * view_.depth / per_word;
  for (int64_t out = 0; out < outs; ++out) {
    const uint8_t* from = codes.data() + out * cols;
    for (int64_t word = 0; word < cols / per_word; ++word, from += per_word) {
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
  PackedForm form{
      .source = source.form(), .activations = Activations::kBF16, .codes = source.Coded()};
  if (form.codes) form.activations = activations;
  const std::optional<PartBytes> parts = CountParts(source.rows(), source.cols(), form);
  if (!parts) {
    throw Error(ErrorCode::kUnsupported, form.source + " matrix", "has no packed form");
  }
  const auto lines = std::make_shared<AlignedVector<std::byte>>(parts->all());
  auto packed = std::make_shared<PackedMatrix>(source.rows(), source.cols(), std::move(form),
                                               *parts, lines->data(), lines);
  const PackedWeights& view = *packed->Packed();
  const Packer packer(source, view, *parts, lines->data());
  if (pool != nullptr) {
    pool->Run(view.panels, [&](int64_t panel, int) { packer.PackPanel(panel); });
  } else {
    for (int64_t panel = 0; panel < view.panels; ++panel) packer.PackPanel(panel);
  }
  return packed;
}

PackedForm PackedFormOf(const Matrix& packed) {
  const PackedWeights& view = *packed.Packed();
  PackedForm form{.source = packed.form().substr(kFormPrefix.size()),
                  .activations = view.activations,
                  .codes = std::nullopt};
  if (view.kind != PackedWeights::Kind::kPairs) {
    form.codes = CodedForm{.bits = view.kind == PackedWeights::Kind::kCodes4 ? 4 : 8,
                           .levels = view.levels,
                           .block = view.block,
                           .has_minimum = view.minima != nullptr,
                           .half_scales = view.half_scales};
  }
  return form;
}

std::span<const std::byte> PackedBytes(const Matrix& packed) {
  return {static_cast<const std::byte*>(packed.Packed()->data), packed.bytes()};
}

std::optional<uint64_t> CountPackedBytes(int64_t rows, int64_t cols, const PackedForm& form) {
  const std::optional<PartBytes> parts = CountParts(rows, cols, form);
  return parts ? std::optional(parts->all()) : std::nullopt;
}

std::shared_ptr<const Matrix> ViewPackedMatrix(int64_t rows, int64_t cols, const PackedForm& form,
                                               std::span<const std::byte> bytes,
                                               std::shared_ptr<const void> owner) {
  const std::optional<PartBytes> parts = CountParts(rows, cols, form);
  if (!parts || parts->all() != bytes.size() ||
      reinterpret_cast<uintptr_t>(bytes.data()) % kAlign != 0) {
    throw Error(ErrorCode::kInvalidFormat, "packed " + form.source + " matrix",
                "its bytes do not fit its shape and form");
  }
  return std::make_shared<PackedMatrix>(rows, cols, form, *parts, bytes.data(), std::move(owner));
}

}  // namespace dear
