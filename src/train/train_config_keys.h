#ifndef DEAR_TRAIN_TRAIN_CONFIG_KEYS_H_
#define DEAR_TRAIN_TRAIN_CONFIG_KEYS_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dear {

// Keys of LLaMA-Factory and transformers that ParseTrainConfig does not read.
struct KeyNote {
  std::string_view key;   // a last '*' stands for any ending
  std::string_view note;  // why it changes nothing, or what to do instead
};

// Accepted: without effect on the numbers or the files of a run.
const KeyNote* FindIgnoredKey(std::string_view key);
// Refused where they are used, that is, neither null, false, 0, "" nor "no".
const KeyNote* FindUnsupportedKey(std::string_view key);

// The one of `keys` (and of the ignored ones) that is spelt most like `key`; empty where none is
// near.
std::string NearestKey(std::string_view key, std::span<const std::string> keys);

}  // namespace dear

#endif  // DEAR_TRAIN_TRAIN_CONFIG_KEYS_H_
