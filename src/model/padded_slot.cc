#include "model/padded_slot.h"

#include "base/error.h"

namespace dear {

void CheckPaddedSlot(const ModelConfig& config, int64_t slot, size_t slot_tokens, int64_t length,
                     const std::string& where) {
  if (slot_tokens != 1 || length == 0 || slot < length) {
    throw Error(ErrorCode::kInvalidArgument, where,
                "a padded slot is one token behind the tokens that the sequence holds");
  }
  for (const int64_t window : config.sliding_windows) {
    if (window > 0 && slot >= window) {
      throw Error(ErrorCode::kUnsupported, where,
                  "a padded slot at " + std::to_string(slot) +
                      " lies beyond the model's sliding window of " + std::to_string(window));
    }
  }
}

SequenceRows PaddedRows(int64_t row, int64_t length, float* const* blocks) {
  return {.first_row = row, .rows = 1, .first_position = length - 1, .blocks = blocks};
}

}  // namespace dear
