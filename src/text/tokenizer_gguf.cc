#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/pipeline.h"
#include "text/pipeline_presets.h"
#include "text/spm_pipeline.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace dear {
namespace {

// tokenizer.ggml.token_type
constexpr int64_t kTypeControl = 3;
constexpr int64_t kTypeUserDefined = 4;

class GgufVocabulary {
 public:
  explicit GgufVocabulary(const GgufFile& file) : file_(file) {
    tokens_ = file.Strings("tokenizer.ggml.tokens");
    if (tokens_ == nullptr) Fail("tokens", "missing");
    types_ = file.Ints("tokenizer.ggml.token_type");
    if (types_ != nullptr && types_->size() != tokens_->size()) {
      Fail("token_type", "expected one for each of the " + std::to_string(tokens_->size()) +
                             " tokens, found " + std::to_string(types_->size()));
    }
    for (const std::string& token : *tokens_) {
      if (!IsValidUtf8(token)) Fail("tokens", "a token is not valid UTF-8");
    }
  }

  [[noreturn]] void Fail(const std::string& key, const std::string& what,
                         ErrorCode code = ErrorCode::kInvalidFormat) const {
    throw Error(code, file_.origin(), "field 'tokenizer.ggml." + key + "': " + what);
  }
  std::string Context(const std::string& key) const {
    return file_.origin() + ": tokenizer.ggml." + key;
  }

  const std::vector<std::string>& tokens() const { return *tokens_; }
  int64_t TypeOf(size_t id) const { return types_ != nullptr ? (*types_)[id] : 1; }

  Vocab MakeVocab() const {
    Vocab vocab;
    vocab.Reserve(tokens_->size(), tokens_->size() * 8);
    for (size_t id = 0; id < tokens_->size(); ++id) {
      // Of two tokens with one text the first is the one that text leads to.
      if (vocab.Find((*tokens_)[id])) continue;
      vocab.Add((*tokens_)[id], static_cast<int64_t>(id), Context("tokens"));
    }
    return vocab;
  }

  AddedTokens MakeAddedTokens(const Vocab& vocab) const {
    AddedTokens added;
    for (size_t id = 0; id < tokens_->size(); ++id) {
      const int64_t type = TypeOf(id);
      if (type != kTypeControl && type != kTypeUserDefined) continue;
      AddedToken token;
      token.content = (*tokens_)[id];
      token.special = type == kTypeControl;
      token.normalized = false;
      added.Add(token, vocab, Context("tokens"));
    }
    return added;
  }

  std::optional<std::string> TokenAt(const std::string& key) const {
    const auto id = file_.Int("tokenizer.ggml." + key);
    if (!id) return std::nullopt;
    // Some writers say "none" with an id that no token has.
    if (*id < 0 || static_cast<uint64_t>(*id) >= tokens_->size()) return std::nullopt;
    return (*tokens_)[static_cast<size_t>(*id)];
  }

 private:
  const GgufFile& file_;
  const std::vector<std::string>* tokens_ = nullptr;
  const std::vector<int64_t>* types_ = nullptr;
};

std::unique_ptr<BpeModel> ByteLevelModel(const GgufFile& file, const GgufVocabulary& vocabulary,
                                         const GgufPreset& preset) {
  const std::vector<std::string>* merges = file.Strings("tokenizer.ggml.merges");
  if (merges == nullptr) vocabulary.Fail("merges", "missing");
  std::vector<BpeModel::MergePair> pairs;
  pairs.reserve(merges->size());
  for (const std::string& merge : *merges) {
    // The first character of a part is never a space (spaces are mapped), so this cut is the one.
    const size_t space = merge.find(' ', 1);
    if (merge.empty() || space == std::string::npos || space + 1 == merge.size()) {
      vocabulary.Fail("merges", "merge " + std::to_string(pairs.size()) + " is not two tokens");
    }
    const std::string_view view = merge;
    pairs.push_back(
        {view.substr(0, space), view.substr(space + 1), static_cast<uint32_t>(pairs.size())});
  }
  BpeModel::Options options;
  options.ignore_merges = preset.ignore_merges;
  return std::make_unique<BpeModel>(vocabulary.MakeVocab(), pairs, std::move(options),
                                    vocabulary.Context("merges"));
}

SpmVocabulary SpmPieces(const GgufFile& file, const GgufVocabulary& vocabulary) {
  const std::vector<double>* scores = file.Numbers("tokenizer.ggml.scores");
  if (scores == nullptr || scores->size() != vocabulary.tokens().size()) {
    vocabulary.Fail("scores", "expected one for each token");
  }
  SpmVocabulary out;
  if (!file.Bool("tokenizer.ggml.add_space_prefix").value_or(true)) {
    out.prefix = SpmVocabulary::Prefix::kNever;
  }
  for (size_t id = 0; id < scores->size(); ++id) {
    const int64_t type = vocabulary.TypeOf(id);
    if (type < 1 || type > 6) {
      vocabulary.Fail("token_type", "token " + std::to_string(id) + " has the unknown type " +
                                        std::to_string(type));
    }
    SpmVocabulary::Piece piece{vocabulary.tokens()[id], (*scores)[id],
                               static_cast<SpmVocabulary::Type>(type)};
    // Writers give these any score; in the model they come from it is 0.
    if (piece.type == SpmVocabulary::Type::kUserDefined) piece.score = 0;
    out.pieces.push_back(std::move(piece));
  }
  return out;
}

}  // namespace

SpmVocabulary SpmVocabularyOf(const GgufFile& file) {
  return SpmPieces(file, GgufVocabulary(file));
}

std::shared_ptr<const Tokenizer> Tokenizer::FromGguf(const GgufFile& file) {
  const GgufVocabulary vocabulary(file);
  const std::string kind = file.String("tokenizer.ggml.model").value_or("");
  PipelineParts parts;
  bool bos_by_default = false;
  if (kind == "gpt2") {
    // A guess would give other ids in silence.
    const std::string pre = file.String("tokenizer.ggml.pre").value_or("");
    if (pre.empty()) vocabulary.Fail("pre", "missing: nothing says how the text is cut");
    const GgufPreset* preset = FindGgufPreset(pre);
    if (preset == nullptr) {
      vocabulary.Fail(
          "pre", "pre-tokenizer '" + pre + "' is not supported (known: " + GgufPresetNames() + ")",
          ErrorCode::kUnsupported);
    }
    parts.normalizer = preset->MakeNormalizer();
    auto model = ByteLevelModel(file, vocabulary, *preset);
    parts.pre_tokenizer = preset->MakePreTokenizer(/*words_as_bytes=*/false);
    if (parts.pre_tokenizer->traits().ends_in_byte_level && model->UseBytes()) {
      parts.pre_tokenizer = preset->MakePreTokenizer(/*words_as_bytes=*/true);
    }
    parts.model = std::move(model);
    parts.decoder = MakeByteLevelDecoder();
    bos_by_default = preset->add_bos;
    parts.added_tokens = vocabulary.MakeAddedTokens(parts.model->vocab());
  } else if (kind == "llama") {
    const SpmVocabulary pieces = SpmPieces(file, vocabulary);
    parts = MakeSpmPipeline(pieces, vocabulary.Context("tokens"));
    AddSpmTokens(pieces, /*user_defined=*/true, parts, vocabulary.Context("tokens"));
    bos_by_default = true;
  } else {
    vocabulary.Fail("model",
                    kind.empty() ? "missing" : "vocabulary '" + kind + "' is not supported",
                    kind.empty() ? ErrorCode::kInvalidFormat : ErrorCode::kUnsupported);
  }
  parts.added_tokens.Build(parts.normalizer.get(), vocabulary.Context("tokens"));
  parts.bos_token = vocabulary.TokenAt("bos_token_id");
  parts.eos_token = vocabulary.TokenAt("eos_token_id");
  parts.pad_token = vocabulary.TokenAt("padding_token_id");
  parts.chat_template = file.String("tokenizer.chat_template").value_or("");

  const auto id_of = [&](bool wanted, const std::optional<std::string>& token,
                         const char* key) -> std::optional<TokenId> {
    if (!wanted) return std::nullopt;
    if (!token) vocabulary.Fail(key, "missing, but it is to be added to every text");
    return parts.model->vocab().Find(*token);
  };
  const bool add_bos = file.Bool("tokenizer.ggml.add_bos_token").value_or(bos_by_default);
  const bool add_eos = file.Bool("tokenizer.ggml.add_eos_token").value_or(false);
  parts.post_processor = MakeBosEosTemplate(id_of(add_bos, parts.bos_token, "bos_token_id"),
                                            id_of(add_eos, parts.eos_token, "eos_token_id"));
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

}  // namespace dear
