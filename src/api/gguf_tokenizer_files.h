#ifndef DEAR_API_GGUF_TOKENIZER_FILES_H_
#define DEAR_API_GGUF_TOKENIZER_FILES_H_

#include <string>

#include "base/json.h"
#include "formats/gguf.h"
#include "text/tokenizer.h"

namespace dear {

// The files of a folder that say what a GGUF file's vocabulary says.
struct TokenizerFiles {
  OrderedJson tokenizer;  // tokenizer.json of a byte-level vocabulary ("gpt2"); otherwise null
  std::string model;   // tokenizer.model of a SentencePiece vocabulary ("llama"); otherwise empty
  OrderedJson config;  // tokenizer_config.json
};

// As PreTrainedTokenizerFast and LlamaTokenizer read them. `tokenizer` is the file's own.
// Throws kUnsupported for another kind of vocabulary.
TokenizerFiles TokenizerFilesOf(const GgufFile& file, const Tokenizer& tokenizer);

}  // namespace dear

#endif  // DEAR_API_GGUF_TOKENIZER_FILES_H_
