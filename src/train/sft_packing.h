#ifndef DEAR_TRAIN_SFT_PACKING_H_
#define DEAR_TRAIN_SFT_PACKING_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace dear {

struct SftPackingOptions {
  int64_t capacity = 2047;  // tokens of a row; LLaMA-Factory: cutoff_len - 1
  int64_t group = 1000;     // examples that are packed together: preprocessing_batch_size
};

// Which examples share a row of training, as llamafactory 0.9.5 has it for `packing: true`
// (data/processor/supervised.py and processor_utils.py): of each group of examples in turn, a row
// takes the longest one that fits into what is left of it, the later one of two that are as long,
// until none fits. Examples longer than a row are in none.
class SftPacking {
 public:
  // `lengths` of the examples in tokens. Throws kInvalidArgument for options below 1, or for more
  // examples than 32 bits count.
  SftPacking(std::span<const int64_t> lengths, const SftPackingOptions& options);

  size_t num_rows() const { return ends_.size(); }
  size_t num_examples() const { return examples_.size(); }  // that are in a row
  // The examples of a row, in their order there.
  std::span<const uint32_t> Row(size_t row) const;

 private:
  void PackGroup(std::span<const int64_t> lengths, size_t first, int64_t capacity);

  std::vector<uint32_t> examples_;  // row after row
  std::vector<size_t> ends_;        // of the rows in these
};

}  // namespace dear

#endif  // DEAR_TRAIN_SFT_PACKING_H_
