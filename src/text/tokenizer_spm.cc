#include <utility>

#include "base/error.h"
#include "text/spm_pipeline.h"
#include "text/tokenizer_files.h"

namespace dear {

std::shared_ptr<const Tokenizer> TokenizerFromSentencePiece(std::string_view bytes,
                                                            const TokenizerConfig& config,
                                                            const std::string& origin) {
  const SpmVocabulary vocabulary = ParseSentencePieceModel(bytes, origin);
  PipelineParts parts = MakeSpmPipeline(vocabulary, origin);
  // The usual names, where the vocabulary has them as control pieces.
  for (const auto& piece : vocabulary.pieces) {
    if (piece.type != SpmVocabulary::Type::kControl) continue;
    if (piece.text == "<s>" || piece.text == "<bos>") parts.bos_token = piece.text;
    if (piece.text == "</s>" || piece.text == "<eos>") parts.eos_token = piece.text;
    if (piece.text == "<pad>") parts.pad_token = piece.text;
  }
  AddConfiguredTokens(config, parts, origin);
  parts.added_tokens.Build(parts.normalizer.get(), origin);

  const auto id_of = [&](bool wanted, const std::optional<std::string>& token,
                         const char* name) -> std::optional<TokenId> {
    if (!wanted) return std::nullopt;
    if (!token) {
      throw Error(ErrorCode::kInvalidFormat, origin,
                  std::string("no ") + name + " token, but it is to be added to every text");
    }
    return parts.added_tokens.IdOf(*token);
  };
  const auto bos =
      id_of(config.add_bos_token.value_or(parts.bos_token.has_value()), parts.bos_token, "BOS");
  const auto eos = id_of(config.add_eos_token.value_or(false), parts.eos_token, "EOS");
  parts.post_processor = MakeBosEosTemplate(bos, eos);
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

}  // namespace dear
