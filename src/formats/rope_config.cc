#include "formats/rope_config.h"

#include <cmath>
#include <string>

#include "base/error.h"

namespace dear {
namespace {

double Positive(const JsonFields& fields, const char* key, double value) {
  if (!std::isfinite(value) || value <= 0) fields.Fail(key, "expected a positive number");
  return value;
}

double RequirePositive(const JsonFields& fields, const char* key) {
  const auto value = fields.Number(key);
  if (!value) fields.Fail(key, "missing");
  return Positive(fields, key, *value);
}

// Python's `x or fallback`: null, absent and 0 are all "not given".
std::optional<double> NonZero(const JsonFields& fields, const char* key) {
  const auto value = fields.Number(key);
  if (!value || *value == 0) return std::nullopt;
  if (!std::isfinite(*value)) fields.Fail(key, "expected a finite number");
  return value;
}

void RefusePartialRotation(const JsonFields& fields) {
  if (fields.Number("partial_rotary_factor", 1.0) != 1.0) {
    throw Error(ErrorCode::kUnsupported, fields.context(),
                "field 'partial_rotary_factor' other than 1 is not supported");
  }
}

// The length of the pre-training: a field of the model itself goes before that of the rope object,
// and the model's full length stands in for both.
int64_t OriginalPositions(const JsonFields& config, const JsonFields& rope, int64_t max_positions) {
  constexpr const char* kKey = "original_max_position_embeddings";
  const JsonFields& holder = config.Has(kKey) ? config : rope;
  const double value =
      Positive(holder, kKey, holder.Number(kKey, static_cast<double>(max_positions)));
  if (value > 1e12 || value != std::floor(value))
    holder.Fail(kKey, "expected a count of positions");
  return static_cast<int64_t>(value);
}

void ReadYarn(const JsonFields& fields, int64_t max_positions, RopeConfig& rope) {
  if (fields.IsNull("factor")) {
    rope.factor =
        static_cast<double>(max_positions) / static_cast<double>(rope.original_max_positions);
  } else {
    rope.factor = RequirePositive(fields, "factor");
  }
  rope.attention_factor = fields.Number("attention_factor");
  if (rope.attention_factor && !std::isfinite(*rope.attention_factor)) {
    fields.Fail("attention_factor", "expected a finite number");
  }
  rope.beta_fast = Positive(fields, "beta_fast", NonZero(fields, "beta_fast").value_or(32.0));
  rope.beta_slow = Positive(fields, "beta_slow", NonZero(fields, "beta_slow").value_or(1.0));
  rope.mscale = NonZero(fields, "mscale");
  rope.mscale_all_dim = NonZero(fields, "mscale_all_dim");
  rope.truncate = fields.Bool("truncate", true);
  if (rope.theta <= 1) fields.Fail("rope_theta", "yarn needs a base above 1");
}

}  // namespace

RopeConfig ParseRopeConfig(const JsonFields& config, int64_t max_positions) {
  RefusePartialRotation(config);
  static const Json kNone = Json::object();
  const Json* object = config.Find("rope_scaling");
  const char* where = "rope_scaling";
  if (object == nullptr || object->empty()) {
    object = config.Find("rope_parameters");
    where = "rope_parameters";
  }
  if (object == nullptr) object = &kNone;
  const JsonFields fields(*object, config.context() + ": " + where);
  RefusePartialRotation(fields);
  for (const auto& [key, value] : object->items()) {
    if (value.is_object()) {
      throw Error(ErrorCode::kUnsupported, fields.context(),
                  "rope parameters of their own for '" + key + "' layers are not supported");
    }
  }

  RopeConfig rope;
  const auto own_theta = fields.Number("rope_theta");
  rope.theta = own_theta ? Positive(fields, "rope_theta", *own_theta)
                         : Positive(config, "rope_theta", config.Number("rope_theta", 10000.0));
  const std::string type = fields.String("rope_type", fields.String("type", "default"));
  if (type == "default") {
    rope.kind = RopeKind::kDefault;
  } else if (type == "linear") {
    rope.kind = RopeKind::kLinear;
    rope.factor = RequirePositive(fields, "factor");
  } else if (type == "llama3") {
    rope.kind = RopeKind::kLlama3;
    rope.original_max_positions = OriginalPositions(config, fields, max_positions);
    rope.factor = RequirePositive(fields, "factor");
    rope.low_freq_factor = RequirePositive(fields, "low_freq_factor");
    rope.high_freq_factor = RequirePositive(fields, "high_freq_factor");
    if (rope.high_freq_factor == rope.low_freq_factor) {
      fields.Fail("high_freq_factor", "equals low_freq_factor");
    }
  } else if (type == "yarn") {
    rope.kind = RopeKind::kYarn;
    rope.original_max_positions = OriginalPositions(config, fields, max_positions);
    ReadYarn(fields, max_positions, rope);
  } else {
    throw Error(ErrorCode::kUnsupported, fields.context(),
                "rope scaling '" + type + "' is not supported (supported: linear, llama3, yarn)");
  }
  return rope;
}

}  // namespace dear
