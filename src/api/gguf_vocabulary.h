#ifndef DEAR_API_GGUF_VOCABULARY_H_
#define DEAR_API_GGUF_VOCABULARY_H_

#include <filesystem>

#include "formats/gguf_writer.h"
#include "formats/model_config.h"
#include "text/tokenizer.h"

namespace dear {

// The tokenizer of a folder as GGUF metadata (tokenizer.ggml.*), for a model of config.vocab_size
// rows: byte-level BPE as "gpt2" with the name of its pre-tokenizer, BPE with byte fallback as
// "llama" with scores that give the same merges. Throws kUnsupported naming the file and the part
// that GGUF has no name for.
void SetGgufVocabulary(const std::filesystem::path& folder, const Tokenizer& tokenizer,
                       const ModelConfig& config, GgufWriter& writer);

}  // namespace dear

#endif  // DEAR_API_GGUF_VOCABULARY_H_
