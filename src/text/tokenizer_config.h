#ifndef DEAR_TEXT_TOKENIZER_CONFIG_H_
#define DEAR_TEXT_TOKENIZER_CONFIG_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/pipeline.h"

namespace dear {

// What is read of a tokenizer_config.json. transformers takes the post-processor of tokenizer.json
// whatever add_bos_token says; the two switches count beside a tokenizer.model only.
struct TokenizerConfig {
  std::optional<std::string> bos_token;
  std::optional<std::string> eos_token;
  std::optional<std::string> pad_token;
  std::optional<std::string> unk_token;
  std::vector<std::string> extra_special_tokens;
  std::optional<bool> add_bos_token;
  std::optional<bool> add_eos_token;
  // Of LlamaTokenizer, beside a tokenizer.model: whether a space is put before the text, and before
  // every stretch behind a special token as well.
  std::optional<bool> add_prefix_space;
  std::optional<bool> legacy;
  std::string chat_template;
};

// Empty text gives an empty configuration. Throws Error kInvalidFormat that names the field.
TokenizerConfig ParseTokenizerConfig(std::string_view json, const std::string& origin);

// As transformers does: special tokens that the configuration names and the tokenizer does not
// know as added ones are added. Sets the tokens and the chat template of `parts` too.
void AddConfiguredTokens(const TokenizerConfig& config, PipelineParts& parts,
                         const std::string& origin);

}  // namespace dear

#endif  // DEAR_TEXT_TOKENIZER_CONFIG_H_
