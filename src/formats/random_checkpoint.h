#ifndef DEAR_FORMATS_RANDOM_CHECKPOINT_H_
#define DEAR_FORMATS_RANDOM_CHECKPOINT_H_

#include <span>
#include <string_view>

#include "formats/checkpoint.h"
#include "tensor/dtype.h"

namespace dear {

// The shapes of models that can be made of random numbers: "135m" (SmolLM2), "llama-1b" and
// "llama-3b" (Llama 3.2), "llama-8b" (Llama 3.1), "llama-13b" (Llama 2).
std::span<const std::string_view> RandomShapes();

// A model of that shape whose weights are random numbers around zero with a standard deviation of
// 0.02, the same ones every time; norms are ones. For measuring speed without a file. `dtype`: f32,
// bf16, q4_0 or q8_0, in which matrices are made; each is made when it is asked for. Throws
// kInvalidArgument that lists the shapes or names the type.
Checkpoint RandomCheckpoint(std::string_view shape, DType dtype);

}  // namespace dear

#endif  // DEAR_FORMATS_RANDOM_CHECKPOINT_H_
