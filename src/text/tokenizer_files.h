#ifndef DEAR_TEXT_TOKENIZER_FILES_H_
#define DEAR_TEXT_TOKENIZER_FILES_H_

#include <memory>
#include <string>
#include <string_view>

#include "text/tokenizer.h"
#include "text/tokenizer_config.h"

namespace dear {

// A tokenizer.json. Throws Error that names file and field: kInvalidFormat, kUnsupported.
std::shared_ptr<const Tokenizer> TokenizerFromJson(std::string_view json,
                                                   const TokenizerConfig& config,
                                                   const std::string& origin);
// A tokenizer.model. BOS before every text and no EOS behind it, unless the configuration says
// otherwise: transformers' LlamaTokenizer.
std::shared_ptr<const Tokenizer> TokenizerFromSentencePiece(std::string_view bytes,
                                                            const TokenizerConfig& config,
                                                            const std::string& origin);

}  // namespace dear

#endif  // DEAR_TEXT_TOKENIZER_FILES_H_
