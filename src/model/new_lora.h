#ifndef DEAR_MODEL_NEW_LORA_H_
#define DEAR_MODEL_NEW_LORA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "formats/peft_adapter.h"
#include "model/model.h"

namespace dear {

// An untrained LoRA adapter of `base` as peft initialises one (init_lora_weights=True): A uniform
// in
// +-1 / sqrt(in), B zero, DoRA's magnitudes the norms of the weight's rows, saved modules as the
// base has them, a score head that the base lacks normal with a deviation of 0.02. The numbers
// follow from `seed` and the module's number alone; they are not torch's. Throws kInvalidArgument
// where the configuration matches no module.
PeftAdapter NewLora(const Model& base, const LoraConfig& config, uint64_t seed);

// The weight of `linear` as a training begins with it, [rows, cols] in f32: that of the model, or
// of the score head that it lacks the numbers of NewLora. `rows` gets the rows.
std::vector<float> StartingWeight(const Model& base, const Linear& linear, uint64_t seed,
                                  int64_t* rows);

// adapter_config.json with the keys that peft 0.21 writes, in its order of names.
std::string LoraConfigText(const LoraConfig& config);

}  // namespace dear

#endif  // DEAR_MODEL_NEW_LORA_H_
