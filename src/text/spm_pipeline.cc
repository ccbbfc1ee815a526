#include "text/spm_pipeline.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "text/unicode.h"

namespace dear {
namespace {

using Type = SpmVocabulary::Type;

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581
constexpr size_t kMaxPieceBytes = 1024;              // every way to cut a piece is looked at

bool IsText(const SpmVocabulary::Piece& piece) {
  return piece.type == Type::kNormal || piece.type == Type::kUserDefined ||
         piece.type == Type::kUnused;
}

struct ScoredMerge {
  BpeModel::MergePair parts;
  double score;
  uint32_t left_length;  // in characters
  uint32_t right_length;
};

// Every piece that is two pieces put together is a merge; a higher score comes first, then the
// longer left part, then the longer right part.
std::vector<BpeModel::MergePair> MergesFromScores(const SpmVocabulary& vocabulary,
                                                  const Vocab& vocab) {
  const auto is_text = [&](std::optional<TokenId> id) {
    return id && IsText(vocabulary.pieces[static_cast<size_t>(*id)]);
  };
  std::vector<ScoredMerge> merges;
  std::vector<std::pair<std::pair<TokenId, TokenId>, ScoredMerge>> of_piece;
  for (const auto& piece : vocabulary.pieces) {
    if (!IsText(piece)) continue;
    const std::string_view text = piece.text;
    uint32_t length = 0;
    for (size_t i = 0; i < text.size(); ++length) DecodeUtf8(text, i);
    of_piece.clear();
    uint32_t left_length = 0;
    for (size_t i = 0; i < text.size();) {
      DecodeUtf8(text, i);
      ++left_length;
      if (i == text.size()) break;
      const auto left = vocab.Find(text.substr(0, i));
      const auto right = vocab.Find(text.substr(i));
      if (!is_text(left) || !is_text(right)) continue;
      of_piece.push_back(
          {{*left, *right},
           {{text.substr(0, i), text.substr(i)}, piece.score, left_length, length - left_length}});
    }
    std::stable_sort(of_piece.begin(), of_piece.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [ids, merge] : of_piece) merges.push_back(merge);
  }
  std::stable_sort(merges.begin(), merges.end(), [](const ScoredMerge& a, const ScoredMerge& b) {
    if (a.score != b.score) return a.score > b.score;
    if (a.left_length != b.left_length) return a.left_length > b.left_length;
    return a.right_length > b.right_length;
  });
  std::vector<BpeModel::MergePair> out;
  out.reserve(merges.size());
  for (const auto& merge : merges) out.push_back(merge.parts);
  return out;
}

}  // namespace

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
    if (piece.text.size() > kMaxPieceBytes) fail("is longer than 1024 bytes");
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
  if (vocabulary.add_dummy_prefix) steps.push_back(MakePrepend(std::string(kSpace)));
  steps.push_back(MakeReplaceString(" ", std::string(kSpace)));
  parts.normalizer = MakeNormalizerSequence(std::move(steps));
  for (const auto& piece : vocabulary.pieces) {
    const bool special = piece.type == Type::kControl || piece.type == Type::kUnknown;
    if (!special && piece.type != Type::kUserDefined) continue;
    AddedToken token;
    token.content = piece.text;
    token.special = special;
    token.normalized = false;
    parts.added_tokens.Add(token, model->vocab(), context);
  }
  parts.model = std::move(model);

  Json decoders = Json::array(
      {{{"type", "Replace"}, {"pattern", {{"String", std::string(kSpace)}}}, {"content", " "}},
       {{"type", "ByteFallback"}},
       {{"type", "Fuse"}}});
  if (vocabulary.add_dummy_prefix) {
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  parts.decoder = ParseDecoder({{"type", "Sequence"}, {"decoders", decoders}}, context);
  return parts;
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
