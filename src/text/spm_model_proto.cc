#include <cmath>
#include <cstring>

#include "base/error.h"
#include "text/spm_model.h"
#include "text/unicode.h"

namespace dear {
namespace {

constexpr size_t kMaxPieces = size_t{1} << 24;

// One message of protocol buffers' wire format (https://protobuf.dev/programming-guides/encoding).
class ProtoMessage {
 public:
  ProtoMessage(std::string_view bytes, const std::string& context)
      : bytes_(bytes), context_(context) {}

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
  bool flag() const { return number() != 0; }
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
  ProtoMessage message(bytes, context);
  while (message.Next()) {
    if (message.field() == 1) piece.text = message.data();
    if (message.field() == 2) piece.score = message.real();
    if (message.field() == 3) {
      if (message.number() < 1 || message.number() > 6) message.Fail("a piece of an unknown type");
      piece.type = static_cast<SpmVocabulary::Type>(message.number());
    }
  }
  const auto fail = [&](const char* what) { message.Fail("piece '" + piece.text + "' " + what); };
  if (piece.text.empty()) message.Fail("an empty piece");
  if (!IsValidUtf8(piece.text)) message.Fail("a piece that is not valid UTF-8");
  if (piece.text.size() > SpmVocabulary::kMaxPieceBytes) fail("is longer than 1024 bytes");
  if (piece.text.find('\0') != std::string::npos) fail("has a character 0");
  if (!std::isfinite(piece.score)) fail("has a score that is no number");
  return piece;
}

void ReadTrainerSpec(std::string_view bytes, const std::string& context, SpmModel& out) {
  ProtoMessage message(bytes, context);
  while (message.Next()) {
    switch (message.field()) {
      case 3:
        if (message.number() < 1 || message.number() > 4) {
          message.Fail("field 'model_type': " + std::to_string(message.number()) +
                       " is no kind of model");
        }
        out.kind = static_cast<SpmModel::Kind>(message.number());
        break;
      case 24: out.spaces_behind = message.flag(); break;
      case 35: out.byte_fallback = message.flag(); break;
      default: break;
    }
  }
}

void ReadNormalizerSpec(std::string_view bytes, const std::string& context, SpmModel& out) {
  std::string_view charsmap;
  ProtoMessage message(bytes, context);
  while (message.Next()) {
    switch (message.field()) {
      case 2: charsmap = message.data(); break;
      case 3: out.dummy_prefix = message.flag(); break;
      case 4: out.removes_extra_spaces = message.flag(); break;
      case 5: out.escapes_spaces = message.flag(); break;
      default: break;
    }
  }
  out.has_charsmap = !charsmap.empty();
  if (out.has_charsmap) CheckCharsMap(charsmap, context);
}

void AppendVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(0x80 | (value & 0x7F)));
  out.push_back(static_cast<char>(value));
}

void AppendField(uint64_t field, std::string_view data, std::string& out) {
  AppendVarint(field << 3 | 2, out);
  AppendVarint(data.size(), out);
  out.append(data);
}

void AppendNumber(uint64_t field, uint64_t value, std::string& out) {
  AppendVarint(field << 3, out);
  AppendVarint(value, out);
}

void AppendFloat(uint64_t field, float value, std::string& out) {
  AppendVarint(field << 3 | 5, out);
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof bytes);
}

}  // namespace

SpmModel ParseSentencePieceModel(std::string_view bytes, const std::string& context) {
  SpmModel out;
  std::string_view trainer;
  std::string_view normalizer;
  ProtoMessage message(bytes, context);
  // One message given in several parts would be put together by the library.
  const auto take_once = [&](std::string_view& part, const char* name) {
    if (part.data() != nullptr) message.Fail(std::string("field '") + name + "' is given twice");
    part = message.data();
  };
  while (message.Next()) {
    switch (message.field()) {
      case 1:
        if (out.vocabulary.pieces.size() == kMaxPieces) message.Fail("too many pieces");
        out.vocabulary.pieces.push_back(ParsePiece(message.data(), context));
        break;
      case 2: take_once(trainer, "trainer_spec"); break;
      case 3: take_once(normalizer, "normalizer_spec"); break;
      default: continue;
    }
    AppendField(message.field(), message.data(), out.proto);
  }
  if (out.vocabulary.pieces.empty()) message.Fail("no pieces: not a SentencePiece model");
  ReadTrainerSpec(trainer, context, out);
  ReadNormalizerSpec(normalizer, context, out);
  return out;
}

std::string SerializeSentencePieceBpe(const SpmVocabulary& vocabulary) {
  std::string out;
  std::string part;
  // The named pieces of trainer_spec; the library refuses a model whose unknown piece is not there.
  uint64_t unknown = 0;
  for (size_t id = 0; id < vocabulary.pieces.size(); ++id) {
    const SpmVocabulary::Piece& piece = vocabulary.pieces[id];
    part.clear();
    AppendField(1, piece.text, part);
    AppendFloat(2, static_cast<float>(piece.score), part);
    AppendNumber(3, static_cast<uint64_t>(piece.type), part);
    AppendField(1, part, out);
    if (piece.type == SpmVocabulary::Type::kUnknown) unknown = id;
  }
  part.clear();  // trainer_spec
  AppendNumber(3, static_cast<uint64_t>(SpmModel::Kind::kBpe), part);
  AppendNumber(4, vocabulary.pieces.size(), part);  // vocab_size
  AppendNumber(35, 1, part);                        // byte_fallback
  AppendNumber(40, unknown, part);                  // unk_id
  AppendField(2, part, out);
  part.clear();  // normalizer_spec
  AppendField(1, "identity", part);
  AppendNumber(3, vocabulary.prefix != SpmVocabulary::Prefix::kNever ? 1 : 0, part);
  AppendNumber(4, 0, part);  // remove_extra_whitespaces
  AppendNumber(5, 1, part);  // escape_whitespaces
  AppendField(3, part, out);
  return out;
}

}  // namespace dear
