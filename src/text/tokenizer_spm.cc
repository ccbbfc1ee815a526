#include <utility>

#include "base/error.h"
#include "text/spm_library.h"
#include "text/spm_pipeline.h"
#include "text/tokenizer_files.h"

namespace dear {
namespace {

SpmVocabulary::Prefix PrefixOf(const SpmModel& model, const TokenizerConfig& config) {
  if (!model.dummy_prefix || !config.add_prefix_space.value_or(true)) {
    return SpmVocabulary::Prefix::kNever;
  }
  return config.legacy.value_or(false) ? SpmVocabulary::Prefix::kEveryStretch
                                       : SpmVocabulary::Prefix::kFirstStretch;
}

}  // namespace

std::shared_ptr<const Tokenizer> TokenizerFromSentencePiece(std::string_view bytes,
                                                            const TokenizerConfig& config,
                                                            const std::string& origin) {
  SpmModel model = ParseSentencePieceModel(bytes, origin);
  model.vocabulary.prefix = PrefixOf(model, config);
  const bool in_library = !BeyondSpmPipeline(model).empty();
  PipelineParts parts = MakeSpmPipeline(model.vocabulary, origin);
  if (in_library) {
    parts.normalizer = nullptr;
    parts.library = std::make_unique<const SpmLibrary>(model, origin);
  }
  // The library looks for user-defined pieces itself.
  AddSpmTokens(model.vocabulary, /*user_defined=*/!in_library, parts, origin);
  // The usual names, where the vocabulary has them as control pieces.
  for (const auto& piece : model.vocabulary.pieces) {
    if (piece.type != SpmVocabulary::Type::kControl) continue;
    if (piece.text == "<s>" || piece.text == "<bos>") parts.bos_token = piece.text;
    if (piece.text == "</s>" || piece.text == "<eos>") parts.eos_token = piece.text;
    if (piece.text == "<pad>") parts.pad_token = piece.text;
  }
  // The normaliser here is what the model itself does: LlamaTokenizer has none.
  AddConfiguredTokens(WithoutNormalized(config), parts, origin);
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
  const auto bos = id_of(config.add_bos_token.value_or(false), parts.bos_token, "BOS");
  const auto eos = id_of(config.add_eos_token.value_or(false), parts.eos_token, "EOS");
  parts.post_processor = MakeBosEosTemplate(bos, eos);
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

}  // namespace dear
