#ifndef DEAR_TEXT_PIPELINE_H_
#define DEAR_TEXT_PIPELINE_H_

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/decoder.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/spm_library.h"
#include "text/tokenizer.h"
#include "text/word_cache.h"

namespace dear {

// The parts of a tokenizer, as a tokenizer.json lists them.
struct PipelineParts {
  std::unique_ptr<const BpeModel> model;
  // Where set, encodes the text in place of normalizer, pre_tokenizer and model; the model is then
  // there for its vocabulary.
  std::unique_ptr<const SpmLibrary> library;
  AddedTokens added_tokens;                           // built
  std::unique_ptr<const Normalizer> normalizer;       // may be null
  std::unique_ptr<const PreTokenizer> pre_tokenizer;  // may be null
  PostProcessor post_processor;
  std::unique_ptr<const Decoder> decoder;  // null: tokens joined by spaces
  std::optional<std::string> bos_token;
  std::optional<std::string> eos_token;
  std::optional<std::string> pad_token;
  std::string chat_template;
};

// A tokenizer of parts, run as tokenizers' TokenizerImpl runs them: added tokens are cut out, the
// rest is normalised, cut into words, and each word goes through the model.
class PipelineTokenizer : public Tokenizer {
 public:
  explicit PipelineTokenizer(PipelineParts parts);
  ~PipelineTokenizer() override;

  Encoding Encode(std::string_view text, const EncodeOptions& options,
                  bool with_offsets) const override;
  Encoding EncodePair(std::string_view first, std::string_view second, const EncodeOptions& options,
                      bool with_offsets) const override;
  std::string Decode(std::span<const TokenId> ids, bool skip_special_tokens) const override;

  std::optional<TokenId> TokenToId(std::string_view token) const override;
  std::optional<std::string> IdToToken(TokenId id) const override;
  int64_t vocab_size() const override;
  bool IsSpecial(TokenId id) const override;

  std::optional<TokenId> bos_id() const override { return bos_id_; }
  std::optional<TokenId> eos_id() const override { return eos_id_; }
  std::optional<TokenId> pad_id() const override { return pad_id_; }
  const std::string& chat_template() const override { return parts_.chat_template; }

 private:
  // Tokens on their way to an Encoding.
  struct Draft {
    bool with_offsets = false;
    std::vector<TokenId> ids;
    std::vector<Span> spans;  // bytes of the original text; with offsets
    // Blank characters at both ends of the token; where the post-processor trims them off.
    struct Blanks {
      uint32_t leading = 0;
      uint32_t trailing = 0;
    };
    std::vector<Blanks> blanks;
  };
  Encoding EncodeText(std::string_view text, bool with_offsets) const;
  // A stretch of text without raw added tokens.
  void EncodeStretch(AlignedText text, WordCache& cache, Draft& draft) const;
  void EncodeInLibrary(std::string_view text, uint32_t begin, Draft& draft) const;
  void EncodeWords(const PreTokenized& words, WordCache& cache, Draft& draft) const;
  void EncodeWord(const Word& word, WordCache& cache, Draft& draft) const;
  bool AddAfterDroppedBytes(const Word& word, const std::vector<Symbol>& symbols,
                            Draft& draft) const;
  void AddToken(TokenId id, std::string_view token, Span span, Draft& draft) const;
  void TrimOffsets(const Draft& draft, Encoding& encoding) const;
  // How many tokens of text the options leave room for.
  size_t RoomFor(const EncodeOptions& options, bool is_pair) const;

  PipelineParts parts_;
  bool track_always_ = false;
  std::optional<TokenId> bos_id_;
  std::optional<TokenId> eos_id_;
  std::optional<TokenId> pad_id_;
  mutable WordCachePool caches_;
};

}  // namespace dear

#endif  // DEAR_TEXT_PIPELINE_H_
