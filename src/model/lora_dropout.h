#ifndef DEAR_MODEL_LORA_DROPOUT_H_
#define DEAR_MODEL_LORA_DROPOUT_H_

#include <cstdint>

namespace dear {

// Dropout on what enters a LoRA factor A, as nn.Dropout: a number becomes 0 with `probability`,
// else it is divided by 1 - probability. Which, is a hash of the seed, the module and the number's
// place, so that the backward pass finds the same ones again, on any number of threads.
struct LoraDropout {
  float probability = 0;  // in [0, 1)
  uint64_t seed = 0;      // another one each step

  // y [rows, n] from x [rows, n] as they enter module `module_id`; y may be x.
  void Apply(int module_id, const float* x, int64_t rows, int64_t n, float* y) const;
};

}  // namespace dear

#endif  // DEAR_MODEL_LORA_DROPOUT_H_
