#ifndef DEAR_MODEL_PADDED_SLOT_H_
#define DEAR_MODEL_PADDED_SLOT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "formats/model_config.h"
#include "kernels/backend.h"

namespace dear {

// A slot of padding behind a sequence, as a right-padded batch of transformers has it: it sees the
// tokens of the sequence from position `slot` and neither itself nor other padding.

// Throws kInvalidArgument for a slot of not one token, or not behind the `length` tokens of the
// sequence, and where there are none; kUnsupported for one from which a sliding window would not
// reach them all.
void CheckPaddedSlot(const ModelConfig& config, int64_t slot, size_t slot_tokens, int64_t length,
                     const std::string& where);

// The attention of row `row` as such a slot: seen from the last of the `length` tokens, it reaches
// what the slot may see.
SequenceRows PaddedRows(int64_t row, int64_t length, float* const* blocks);

}  // namespace dear

#endif  // DEAR_MODEL_PADDED_SLOT_H_
