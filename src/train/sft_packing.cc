#include "train/sft_packing.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <string>

#include "base/error.h"

namespace dear {

SftPacking::SftPacking(std::span<const int64_t> lengths, const SftPackingOptions& options) {
  if (options.capacity < 1 || options.group < 1) {
    throw Error(ErrorCode::kInvalidArgument, "packing",
                "rows of " + std::to_string(options.capacity) + " tokens and groups of " +
                    std::to_string(options.group) + " examples: expected at least 1 of both");
  }
  if (lengths.size() > std::numeric_limits<uint32_t>::max()) {
    throw Error(ErrorCode::kInvalidArgument, "packing",
                std::to_string(lengths.size()) + " examples are more than can be packed");
  }
  const auto group = static_cast<size_t>(options.group);
  examples_.reserve(lengths.size());
  for (size_t first = 0; first < lengths.size(); first += group) {
    PackGroup(lengths.subspan(first, std::min(group, lengths.size() - first)), first,
              options.capacity);
  }
}

void SftPacking::PackGroup(std::span<const int64_t> lengths, size_t first, int64_t capacity) {
  // Examples by their length, longest first; those of a length are taken from the back.
  std::map<int64_t, std::vector<uint32_t>, std::greater<>> waiting;
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (lengths[i] <= capacity) waiting[lengths[i]].push_back(static_cast<uint32_t>(first + i));
  }
  while (!waiting.empty()) {
    int64_t left = capacity;
    // The longest that fits.
    for (auto fits = waiting.begin(); fits != waiting.end(); fits = waiting.lower_bound(left)) {
      examples_.push_back(fits->second.back());
      left -= fits->first;
      fits->second.pop_back();
      if (fits->second.empty()) waiting.erase(fits);
    }
    ends_.push_back(examples_.size());
  }
}

std::span<const uint32_t> SftPacking::Row(size_t row) const {
  const size_t begin = row == 0 ? 0 : ends_[row - 1];
  return std::span(examples_).subspan(begin, ends_[row] - begin);
}

}  // namespace dear
