#ifndef DEAR_TEXT_TOKENIZER_CONFIG_H_
#define DEAR_TEXT_TOKENIZER_CONFIG_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/added_tokens.h"
#include "text/pipeline.h"

namespace dear {

// The files beside a tokenizer.json or tokenizer.model; empty text for those that are not there.
struct TokenizerConfigFiles {
  std::string config;              // tokenizer_config.json
  std::string special_tokens_map;  // special_tokens_map.json
  std::string added_tokens;        // added_tokens.json
};

// What they say, read as transformers 5 does (tokenization_utils_base.py: _from_pretrained): where
// tokenizer_config.json has added_tokens_decoder it says everything; else special_tokens_map.json
// overrides it, and added_tokens.json is read too.
struct TokenizerConfig {
  // In the order in which new ones get their ids.
  enum Name { kBos, kEos, kUnk, kSep, kPad, kCls, kMask, kNumNames };
  std::array<std::optional<AddedToken>, kNumNames> named;
  std::vector<AddedToken> extra_special_tokens;
  // With the ids they say they have, lowest first.
  std::vector<std::pair<int64_t, AddedToken>> added_tokens;
  bool tokenizer_json_goes_first = false;  // where it has an added token with the same id
  // A class of transformers names tokens of its own where no file speaks of them; they count where
  // the vocabulary has them.
  std::array<std::string, kNumNames> class_tokens;

  // transformers takes the post-processor of tokenizer.json whatever these say; they count beside a
  // tokenizer.model only.
  std::optional<bool> add_bos_token;
  std::optional<bool> add_eos_token;
  // Of LlamaTokenizer, beside a tokenizer.model: whether a space is put before the text, and before
  // every stretch behind a special token as well.
  std::optional<bool> add_prefix_space;
  std::optional<bool> legacy;
  std::string chat_template;
};

// Throws Error that names file and field: kInvalidFormat, kUnsupported.
TokenizerConfig ParseTokenizerConfig(const TokenizerConfigFiles& files, const std::string& origin);

// The same tokens, all looked for in the text as it came.
TokenizerConfig WithoutNormalized(TokenizerConfig config);

// Adds the tokens that the configuration knows and the tokenizer does not, or knows with other
// flags. Sets the named tokens and the chat template of `parts` too.
void AddConfiguredTokens(const TokenizerConfig& config, PipelineParts& parts,
                         const std::string& origin);

}  // namespace dear

#endif  // DEAR_TEXT_TOKENIZER_CONFIG_H_
