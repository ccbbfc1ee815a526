#include <cstring>
#include <optional>

#include "base/error.h"
#include "text/spm_pipeline.h"

namespace dear {
namespace {

constexpr size_t kMaxPieces = size_t{1} << 24;

// One message of protocol buffers' wire format (https://protobuf.dev/programming-guides/encoding).
class Message {
 public:
  Message(std::string_view bytes, const std::string& context) : bytes_(bytes), context_(context) {}

  // Moves to the next field; false at the end.
  bool Next() {
    if (pos_ == bytes_.size()) return false;
    const uint64_t tag = Varint();
    field_ = tag >> 3;
    wire_type_ = static_cast<int>(tag & 7);
    switch (wire_type_) {
      case 0: number_ = Varint(); break;
      case 1: data_ = Take(8); break;
      case 2: data_ = Take(Varint()); break;
      case 5: data_ = Take(4); break;
      default: Fail("not a SentencePiece model (wire type " + std::to_string(wire_type_) + ")");
    }
    return true;
  }

  uint64_t field() const { return field_; }
  uint64_t number() const {
    if (wire_type_ != 0) Fail("field " + std::to_string(field_) + " is not a number");
    return number_;
  }
  std::string_view data() const {
    if (wire_type_ != 2) Fail("field " + std::to_string(field_) + " is not text");
    return data_;
  }
  float real() const {
    if (wire_type_ != 5) Fail("field " + std::to_string(field_) + " is not a float");
    float value;
    std::memcpy(&value, data_.data(), sizeof(value));
    return value;
  }

  [[noreturn]] void Fail(const std::string& what) const {
    throw Error(ErrorCode::kInvalidFormat, context_, what);
  }

 private:
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (pos_ == bytes_.size()) Fail("ends inside a number");
      const auto byte = static_cast<uint8_t>(bytes_[pos_++]);
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    Fail("a number of more than ten bytes");
  }
  std::string_view Take(uint64_t size) {
    if (size > bytes_.size() - pos_) Fail("a field reaches beyond the end");
    const std::string_view out = bytes_.substr(pos_, size);
    pos_ += size;
    return out;
  }

  std::string_view bytes_;
  const std::string& context_;
  size_t pos_ = 0;
  uint64_t field_ = 0;
  int wire_type_ = 0;
  uint64_t number_ = 0;
  std::string_view data_;
};

SpmVocabulary::Piece ParsePiece(std::string_view bytes, const std::string& context) {
  SpmVocabulary::Piece piece;
  Message message(bytes, context);
  while (message.Next()) {
    if (message.field() == 1) piece.text = message.data();
    if (message.field() == 2) piece.score = message.real();
    if (message.field() == 3) {
      if (message.number() < 1 || message.number() > 6) message.Fail("a piece of an unknown type");
      piece.type = static_cast<SpmVocabulary::Type>(message.number());
    }
  }
  return piece;
}

void ReadTrainerSpec(std::string_view bytes, const std::string& context) {
  constexpr const char* kTypes[] = {"", "unigram", "BPE", "word", "char"};
  uint64_t type = 1;  // unigram
  Message message(bytes, context);
  while (message.Next()) {
    if (message.field() == 3) type = message.number();
    if (message.field() == 24 && message.number() != 0) {
      throw Error(ErrorCode::kUnsupported, context, "field 'treat_whitespace_as_suffix'");
    }
  }
  if (type != 2) {
    throw Error(ErrorCode::kUnsupported, context,
                std::string("field 'model_type': ") + (type < 5 ? kTypes[type] : "unknown") +
                    " (only BPE is supported)");
  }
}

void ReadNormalizerSpec(std::string_view bytes, const std::string& context, SpmVocabulary& out) {
  bool remove_extra_spaces = true;
  bool escape_spaces = true;
  Message message(bytes, context);
  while (message.Next()) {
    switch (message.field()) {
      case 2:
        if (!message.data().empty()) {
          throw Error(ErrorCode::kUnsupported, context,
                      "field 'precompiled_charsmap': a normaliser other than identity");
        }
        break;
      case 3: out.add_dummy_prefix = message.number() != 0; break;
      case 4: remove_extra_spaces = message.number() != 0; break;
      case 5: escape_spaces = message.number() != 0; break;
      default: break;
    }
  }
  if (remove_extra_spaces) {
    throw Error(ErrorCode::kUnsupported, context, "field 'remove_extra_whitespaces'");
  }
  if (!escape_spaces) {
    throw Error(ErrorCode::kUnsupported, context, "field 'escape_whitespaces': false");
  }
}

}  // namespace

SpmVocabulary ParseSentencePieceModel(std::string_view bytes, const std::string& context) {
  SpmVocabulary out;
  std::string_view trainer;
  std::string_view normalizer;
  Message message(bytes, context);
  while (message.Next()) {
    switch (message.field()) {
      case 1:
        if (out.pieces.size() == kMaxPieces) message.Fail("too many pieces");
        out.pieces.push_back(ParsePiece(message.data(), context));
        break;
      case 2: trainer = message.data(); break;
      case 3: normalizer = message.data(); break;
      default: break;
    }
  }
  if (out.pieces.empty()) message.Fail("no pieces: not a SentencePiece model");
  ReadTrainerSpec(trainer, context);
  ReadNormalizerSpec(normalizer, context, out);
  return out;
}

}  // namespace dear
