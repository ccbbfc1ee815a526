#ifndef DEAR_TEXT_SPM_MODEL_H_
#define DEAR_TEXT_SPM_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dear {

class GgufFile;

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
  static constexpr size_t kMaxPieceBytes = 1024;  // every way to cut a piece is looked at
  struct Piece {
    std::string text;  // with U+2581 for a space
    double score = 0;  // the highest merges first
    Type type = Type::kNormal;
  };
  // Where a space is put before the text: never; before every stretch between special tokens; or
  // before the one that begins the text.
  enum class Prefix : uint8_t { kNever, kEveryStretch, kFirstStretch };

  std::vector<Piece> pieces;  // by id
  Prefix prefix = Prefix::kEveryStretch;
};

// The vocabulary of a GGUF file of kind "llama". Throws Error kInvalidFormat naming file and field.
SpmVocabulary SpmVocabularyOf(const GgufFile& file);

// A tokenizer.model: a serialised SentencePiece ModelProto.
struct SpmModel {
  enum class Kind : uint8_t { kUnigram = 1, kBpe = 2, kWord = 3, kChar = 4 };

  SpmVocabulary vocabulary;
  Kind kind = Kind::kUnigram;
  bool byte_fallback = false;
  bool spaces_behind = false;  // treat_whitespace_as_suffix
  bool dummy_prefix = true;
  bool removes_extra_spaces = true;
  bool escapes_spaces = true;
  bool has_charsmap = false;  // rewrites characters before anything else
  // The parts of the file that change ids, as one message again: what the library is to see.
  std::string proto;
};

// Reads every field that changes ids, and refuses what would lead the library astray: a piece that
// is empty, broken or beyond reason, a character map that points outside of itself.
// Throws Error kInvalidFormat naming `context` and the field.
SpmModel ParseSentencePieceModel(std::string_view bytes, const std::string& context);

// The tokenizer.model of a vocabulary that is merged by scores and falls back to bytes: what
// ParseSentencePieceModel and the SentencePiece library read. `prefix` becomes add_dummy_prefix;
// which stretches get the space is said by the configuration beside the file ("legacy").
std::string SerializeSentencePieceBpe(const SpmVocabulary& vocabulary);

// `normalizer_spec.precompiled_charsmap`: four bytes of length, a double array (Darts) of that many
// bytes, and the strings that its values point into. Throws unless every walk through it, on any
// text, stays inside. Format: sentencepiece's normalizer.cc, EncodePrecompiledCharsMap.
void CheckCharsMap(std::string_view bytes, const std::string& context);

}  // namespace dear

#endif  // DEAR_TEXT_SPM_MODEL_H_
