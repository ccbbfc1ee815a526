#ifndef DEAR_TEXT_SPM_PIPELINE_H_
#define DEAR_TEXT_SPM_PIPELINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "text/pipeline.h"

namespace dear {

// A SentencePiece vocabulary, from a tokenizer.model or a GGUF file of kind "llama".
struct SpmVocabulary {
  enum class Type : uint8_t {
    kNormal = 1,
    kUnknown = 2,
    kControl = 3,
    kUserDefined = 4,
    kUnused = 5,
    kByte = 6
  };
  struct Piece {
    std::string text;  // with U+2581 for a space
    double score = 0;  // the highest merges first
    Type type = Type::kNormal;
  };
  std::vector<Piece> pieces;  // by id
  bool add_dummy_prefix = true;
};

// The BPE pipeline that gives the ids of SentencePiece: model, normaliser, decoder and added tokens
// are set (the added tokens not yet built). Scores become merges as transformers' converter makes
// them (convert_slow_tokenizer.py: generate_merges). Throws Error kInvalidFormat naming `context`.
PipelineParts MakeSpmPipeline(const SpmVocabulary& vocabulary, const std::string& context);

// tokenizer.model: a serialised SentencePiece ModelProto. Throws Error that names the field;
// kUnsupported for models that are not BPE or normalise the text.
SpmVocabulary ParseSentencePieceModel(std::string_view bytes, const std::string& context);

// BOS before and EOS behind every text, where given.
PostProcessor MakeBosEosTemplate(std::optional<TokenId> bos, std::optional<TokenId> eos);

}  // namespace dear

#endif  // DEAR_TEXT_SPM_PIPELINE_H_
