#include "text/spm_library.h"

#include <sentencepiece_processor.h>

#include <exception>
#include <optional>
#include <string>

#include "base/error.h"

namespace dear {
namespace {

using sentencepiece::SentencePieceProcessor;

// The library's own errors come as a status, those of what it is built on as exceptions.
template <typename Fn>
void Call(ErrorCode code, std::string_view context, Fn call) {
  std::string message;
  try {
    const sentencepiece::util::Status status = call();
    if (status.ok()) return;
    message = status.ToString();
  } catch (const std::exception& error) {
    message = error.what();
  }
  throw Error(code, std::string(context), "the SentencePiece library: " + message);
}

// normalizer_spec { add_dummy_prefix: false }: put behind a message, it overrides what stands
// there.
constexpr std::string_view kWithoutPrefix("\x1A\x02\x18\x00", 4);

}  // namespace

struct SpmLibrary::Processors {
  SentencePieceProcessor first;                 // for a text
  std::optional<SentencePieceProcessor> later;  // for what stands behind a special token, if other
};

SpmLibrary::SpmLibrary(const SpmModel& model, std::string_view context) {
  auto processors = std::make_unique<Processors>();
  const auto load = [&](const std::string& proto, SentencePieceProcessor& processor) {
    Call(ErrorCode::kInvalidFormat, context,
         [&] { return processor.LoadFromSerializedProto(proto); });
    if (static_cast<size_t>(processor.GetPieceSize()) != model.vocabulary.pieces.size()) {
      throw Error(ErrorCode::kInvalidFormat, std::string(context),
                  "the SentencePiece library finds another number of pieces");
    }
  };
  using Prefix = SpmVocabulary::Prefix;
  const std::string without_prefix = model.proto + std::string(kWithoutPrefix);
  const Prefix prefix = model.vocabulary.prefix;
  load(prefix == Prefix::kNever ? without_prefix : model.proto, processors->first);
  if (prefix == Prefix::kFirstStretch) load(without_prefix, processors->later.emplace());
  processors_ = std::move(processors);
}

SpmLibrary::~SpmLibrary() = default;

void SpmLibrary::Encode(std::string_view text, bool begins_text, bool with_spans,
                        std::vector<Piece>& out) const {
  const SentencePieceProcessor& processor =
      begins_text || !processors_->later ? processors_->first : *processors_->later;
  if (!with_spans) {
    std::vector<int> ids;
    Call(ErrorCode::kInvalidArgument, "text", [&] { return processor.Encode(text, &ids); });
    for (const int id : ids) out.push_back({id, {}});
    return;
  }
  sentencepiece::ImmutableSentencePieceText pieces;
  Call(ErrorCode::kInvalidArgument, "text",
       [&] { return processor.Encode(text, pieces.mutable_proto()); });
  for (const auto& piece : pieces.pieces()) {
    out.push_back({static_cast<TokenId>(piece.id()), {piece.begin(), piece.end()}});
  }
}

}  // namespace dear
