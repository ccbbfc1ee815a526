#ifndef DEAR_FORMATS_ROPE_CONFIG_H_
#define DEAR_FORMATS_ROPE_CONFIG_H_

#include <cstdint>

#include "base/json.h"
#include "formats/model_config.h"

namespace dear {

// The rope fields of a config.json: `rope_theta` beside `rope_scaling`, or all in
// `rope_parameters`. The order of precedence is that of convert_rope_params_to_dict in
// transformers' modeling_rope_utils.py. Throws kUnsupported for a scaling other than linear, llama3
// and yarn, kInvalidFormat naming a field that is missing or makes no sense.
RopeConfig ParseRopeConfig(const JsonFields& config, int64_t max_positions);

}  // namespace dear

#endif  // DEAR_FORMATS_ROPE_CONFIG_H_
