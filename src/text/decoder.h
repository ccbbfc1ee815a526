#ifndef DEAR_TEXT_DECODER_H_
#define DEAR_TEXT_DECODER_H_

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"

namespace dear {

// Turns tokens back into text, step by step: each step rewrites the list of tokens, and what the
// last one leaves is joined. Immutable.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual void Apply(std::vector<std::string>& tokens) const = 0;
};

// The `decoder` of a tokenizer.json. Throws Error that names the type or field.
std::unique_ptr<const Decoder> ParseDecoder(const Json& json, const std::string& context);

}  // namespace dear

#endif  // DEAR_TEXT_DECODER_H_
