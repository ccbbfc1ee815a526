#include "text/spm_pipeline.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "text/unicode.h"

namespace dear {
namespace {

using Type = SpmVocabulary::Type;

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581

bool IsText(const SpmVocabulary::Piece& piece) {
  return piece.type == Type::kNormal || piece.type == Type::kUserDefined ||
         piece.type == Type::kUnused;
}

// Every piece that is two pieces put together is a merge; the rank counts the distinct scores.
std::vector<BpeModel::MergePair> MergesFromScores(const SpmVocabulary& vocabulary,
                                                  const Vocab& vocab) {
  const auto is_text = [&](std::optional<TokenId> id) {
    return id && IsText(vocabulary.pieces[static_cast<size_t>(*id)]);
  };
  std::vector<const SpmVocabulary::Piece*> pieces;
  for (const auto& piece : vocabulary.pieces) {
    if (IsText(piece)) pieces.push_back(&piece);
  }
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const auto* a, const auto* b) { return a->score > b->score; });
  std::vector<BpeModel::MergePair> out;
  uint32_t rank = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (i != 0 && pieces[i]->score != pieces[i - 1]->score) ++rank;
    const std::string_view text = pieces[i]->text;
    for (size_t cut = 0; cut < text.size();) {
      DecodeUtf8(text, cut);
      if (cut == text.size()) break;
      const std::string_view left = text.substr(0, cut);
      const std::string_view right = text.substr(cut);
      if (is_text(vocab.Find(left)) && is_text(vocab.Find(right)))
        out.push_back({left, right, rank});
    }
  }
  return out;
}

// Whether every character of the longer pieces is a piece: the library also merges characters
// that have no id.
bool HasAllCharacters(const SpmVocabulary& vocabulary) {
  std::unordered_set<std::string_view> texts;
  for (const auto& piece : vocabulary.pieces) {
    if (IsText(piece)) texts.insert(piece.text);
  }
  for (const auto& piece : vocabulary.pieces) {
    if (piece.type != Type::kNormal) continue;
    const std::string_view text = piece.text;
    for (size_t begin = 0; begin < text.size();) {
      size_t end = begin;
      DecodeUtf8(text, end);
      if (!texts.contains(text.substr(begin, end - begin))) return false;
      begin = end;
    }
  }
  return true;
}

}  // namespace

std::string BeyondSpmPipeline(const SpmModel& model) {
  if (model.kind != SpmModel::Kind::kBpe) return "it is not BPE";
  if (model.has_charsmap) return "it rewrites characters";
  if (model.removes_extra_spaces) return "it removes spaces";
  if (!model.escapes_spaces) return "it leaves spaces as they are";
  if (model.spaces_behind) return "it puts spaces behind words";
  int num_bytes = 0;
  for (const auto& piece : model.vocabulary.pieces) {
    if (piece.type == Type::kByte) ++num_bytes;
    if (piece.type == Type::kUnused) return "it has unused pieces";
    if (piece.type != Type::kUserDefined) continue;
    // Looked for in the text as it came, before spaces are replaced or put in front.
    if (model.dummy_prefix || piece.text.find(kSpace) != std::string::npos ||
        piece.text.find(' ') != std::string::npos) {
      return "its user-defined pieces meet spaces";
    }
  }
  if (num_bytes != (model.byte_fallback ? 256 : 0)) return "its bytes are not all there";
  if (!HasAllCharacters(model.vocabulary)) return "it merges characters that are no pieces";
  return "";
}

PipelineParts MakeSpmPipeline(const SpmVocabulary& vocabulary, const std::string& context) {
  Vocab vocab;
  vocab.Reserve(vocabulary.pieces.size(), vocabulary.pieces.size() * 8);
  BpeModel::Options options;
  options.fuse_unk = true;
  for (size_t id = 0; id < vocabulary.pieces.size(); ++id) {
    const auto& piece = vocabulary.pieces[id];
    const auto fail = [&](const std::string& what) {
      throw Error(ErrorCode::kInvalidFormat, context, "piece " + std::to_string(id) + " " + what);
    };
    if (!IsValidUtf8(piece.text)) fail("is not valid UTF-8");
    if (piece.text.size() > SpmVocabulary::kMaxPieceBytes) fail("is longer than 1024 bytes");
    if (!std::isfinite(piece.score)) fail("has a score that is no number");
    if (piece.type == Type::kByte) options.byte_fallback = true;
    if (piece.type == Type::kUnknown && !options.unk_token) options.unk_token = piece.text;
    if (vocab.Find(piece.text)) continue;  // of two pieces with one text the first is meant
    vocab.Add(piece.text, static_cast<int64_t>(id), context);
  }

  PipelineParts parts;
  const auto merges = MergesFromScores(vocabulary, vocab);
  auto model = std::make_unique<BpeModel>(std::move(vocab), merges, std::move(options), context);
  std::vector<std::unique_ptr<const Normalizer>> steps;
  using Prefix = SpmVocabulary::Prefix;
  if (vocabulary.prefix != Prefix::kNever) {
    steps.push_back(MakePrepend(std::string(kSpace), vocabulary.prefix == Prefix::kFirstStretch));
  }
  steps.push_back(MakeReplaceString(" ", std::string(kSpace)));
  parts.normalizer = MakeNormalizerSequence(std::move(steps));
  parts.model = std::move(model);

  Json decoders = Json::array(
      {{{"type", "Replace"}, {"pattern", {{"String", std::string(kSpace)}}}, {"content", " "}},
       {{"type", "ByteFallback"}},
       {{"type", "Fuse"}}});
  if (vocabulary.prefix != Prefix::kNever) {
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  parts.decoder = ParseDecoder({{"type", "Sequence"}, {"decoders", decoders}}, context);
  return parts;
}

void AddSpmTokens(const SpmVocabulary& vocabulary, bool user_defined, PipelineParts& parts,
                  const std::string& context) {
  for (const auto& piece : vocabulary.pieces) {
    const bool special = piece.type == Type::kControl || piece.type == Type::kUnknown;
    if (!special && (piece.type != Type::kUserDefined || !user_defined)) continue;
    AddedToken token;
    token.content = piece.text;
    token.special = special;
    token.normalized = false;
    parts.added_tokens.Add(token, parts.model->vocab(), context);
  }
}

PostProcessor MakeBosEosTemplate(std::optional<TokenId> bos, std::optional<TokenId> eos) {
  PostProcessor out;
  if (!bos && !eos) return out;
  using Kind = PostProcessor::Piece::Kind;
  out.has_template = true;
  for (const uint8_t part : {0, 1}) {
    if (bos) out.pair.push_back({Kind::kSpecial, {*bos}, part});
    out.pair.push_back({part == 0 ? Kind::kFirst : Kind::kSecond, {}, part});
    if (eos) out.pair.push_back({Kind::kSpecial, {*eos}, part});
    if (part == 0) out.single = out.pair;
  }
  return out;
}

}  // namespace dear
