#ifndef DEAR_TEXT_PIPELINE_PRESETS_H_
#define DEAR_TEXT_PIPELINE_PRESETS_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "text/decoder.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"

namespace dear {

// What stands behind a name in tokenizer.ggml.pre: the parts that the model's own tokenizer.json
// has and a GGUF file only names.
struct GgufPreset {
  std::string_view name;
  std::string_view normalizer;     // JSON as in tokenizer.json; empty: none
  std::string_view pre_tokenizer;  // likewise; has a ByteLevel
  bool ignore_merges = false;
  bool add_bos = false;  // where tokenizer.ggml.add_bos_token is absent

  std::unique_ptr<const Normalizer> MakeNormalizer() const;  // may be null
  std::unique_ptr<const PreTokenizer> MakePreTokenizer(bool words_as_bytes) const;
};

// All that are known; of those that do the same the one to write comes first.
std::span<const GgufPreset> GgufPresets();

const GgufPreset* FindGgufPreset(std::string_view name);  // null where it is not known
std::string GgufPresetNames();                            // for messages

std::unique_ptr<const Decoder> MakeByteLevelDecoder();

}  // namespace dear

#endif  // DEAR_TEXT_PIPELINE_PRESETS_H_
