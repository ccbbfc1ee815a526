#include "text/pipeline.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/unicode.h"

namespace dear {
namespace {

// Spans are 32 bit, and rewriting may lengthen a text.
constexpr size_t kMaxTextBytes = size_t{1} << 30;

// Offsets in code points of spans in bytes.
void ToCodePoints(std::string_view text, const std::vector<Span>& spans, Encoding& encoding) {
  std::vector<uint32_t> code_point_of(text.size() + 1);
  uint32_t count = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    code_point_of[i] = count;
    if (i + 1 == text.size() || !IsUtf8Continuation(text[i + 1])) ++count;
  }
  code_point_of[text.size()] = count;
  encoding.offsets.reserve(spans.size());
  for (const Span& span : spans) {
    encoding.offsets.emplace_back(code_point_of[span.begin], code_point_of[span.end]);
  }
}

bool IsBlank(char32_t c) {
  constexpr char32_t kMappedSpace = 0x120;  // ByteLevel's character for a space
  return c == kMappedSpace || (CharClasses::Get()[c] & kClassSpace) != 0;
}

}  // namespace

PipelineTokenizer::PipelineTokenizer(PipelineParts parts) : parts_(std::move(parts)) {
  if (parts_.pre_tokenizer != nullptr) {
    track_always_ = parts_.pre_tokenizer->traits().needs_tracking;
  }
  const auto find = [&](const std::optional<std::string>& token) -> std::optional<TokenId> {
    return token ? TokenToId(*token) : std::nullopt;
  };
  bos_id_ = find(parts_.bos_token);
  eos_id_ = find(parts_.eos_token);
  pad_id_ = find(parts_.pad_token);
}

PipelineTokenizer::~PipelineTokenizer() = default;

Encoding PipelineTokenizer::Encode(std::string_view text, const EncodeOptions& options,
                                   bool with_offsets) const {
  const size_t room = RoomFor(options, /*is_pair=*/false);
  Encoding encoding = EncodeText(text, with_offsets);
  if (options.truncation != Truncation::kNone) TruncateLongestFirst(encoding, nullptr, room);
  return parts_.post_processor.Assemble(std::move(encoding), nullptr, options.add_special_tokens,
                                        with_offsets);
}

Encoding PipelineTokenizer::EncodePair(std::string_view first, std::string_view second,
                                       const EncodeOptions& options, bool with_offsets) const {
  const size_t room = RoomFor(options, /*is_pair=*/true);
  Encoding a = EncodeText(first, with_offsets);
  Encoding b = EncodeText(second, with_offsets);
  if (options.truncation != Truncation::kNone) TruncateLongestFirst(a, &b, room);
  return parts_.post_processor.Assemble(std::move(a), &b, options.add_special_tokens, with_offsets);
}

size_t PipelineTokenizer::RoomFor(const EncodeOptions& options, bool is_pair) const {
  if (options.truncation == Truncation::kNone) return 0;
  if (is_pair && options.truncation == Truncation::kRight) {
    throw Error(ErrorCode::kInvalidArgument, "truncation",
                "a pair is truncated longest first, not from the right");
  }
  const int64_t added = options.add_special_tokens ? parts_.post_processor.NumAdded(is_pair) : 0;
  if (options.max_length < added) {
    throw Error(ErrorCode::kInvalidArgument, "truncation",
                "max_length " + std::to_string(options.max_length) + " leaves no room for the " +
                    std::to_string(added) + " special tokens");
  }
  return static_cast<size_t>(options.max_length - added);
}

Encoding PipelineTokenizer::EncodeText(std::string_view text, bool with_offsets) const {
  std::string storage;
  const std::string_view valid = ValidUtf8(text, storage);
  if (valid.size() > kMaxTextBytes) {
    throw Error(ErrorCode::kInvalidArgument, "text", "longer than 1 GiB");
  }
  Draft draft;
  draft.with_offsets = with_offsets;
  const WordCachePool::Lease cache(caches_);
  std::vector<AddedTokenSplit> splits;
  parts_.added_tokens.SplitRaw(valid, splits);
  for (const AddedTokenSplit& split : splits) {
    const std::string_view piece = valid.substr(split.begin, split.end - split.begin);
    const auto begin = static_cast<uint32_t>(split.begin);
    if (split.id >= 0) {
      AddToken(split.id, piece, {begin, static_cast<uint32_t>(split.end)}, draft);
    } else if (parts_.library != nullptr) {
      EncodeInLibrary(piece, begin, draft);
    } else {
      EncodeStretch(AlignedText::FromOriginal(piece, begin, with_offsets || track_always_), *cache,
                    draft);
    }
  }
  Encoding out;
  out.ids = std::move(draft.ids);
  if (with_offsets) {
    ToCodePoints(valid, draft.spans, out);
    if (parts_.post_processor.trim_offsets) TrimOffsets(draft, out);
  }
  return out;
}

void PipelineTokenizer::EncodeStretch(AlignedText text, WordCache& cache, Draft& draft) const {
  if (parts_.normalizer != nullptr) parts_.normalizer->Apply(text);
  std::vector<AddedTokenSplit> splits;
  parts_.added_tokens.SplitNormalized(text.text, splits);
  const auto encode = [&](AlignedText piece) {
    PreTokenized words;
    const AlignedText& own = words.texts.emplace_back(std::move(piece));
    words.words.push_back({&own, 0, static_cast<uint32_t>(own.text.size())});
    if (parts_.pre_tokenizer != nullptr) parts_.pre_tokenizer->Apply(words);
    EncodeWords(words, cache, draft);
  };
  if (splits.size() == 1 && splits[0].id < 0) return encode(std::move(text));
  for (const AddedTokenSplit& split : splits) {
    if (split.id < 0) {
      encode(text.Slice(split.begin, split.end));
      continue;
    }
    AddToken(split.id, std::string_view(text.text).substr(split.begin, split.end - split.begin),
             text.OriginOf(split.begin, split.end), draft);
  }
}

void PipelineTokenizer::EncodeInLibrary(std::string_view text, uint32_t begin, Draft& draft) const {
  std::vector<AddedTokenSplit> splits;
  std::vector<SpmLibrary::Piece> pieces;
  parts_.added_tokens.SplitNormalized(text, splits);
  for (const AddedTokenSplit& split : splits) {
    const std::string_view part = text.substr(split.begin, split.end - split.begin);
    const uint32_t part_begin = begin + static_cast<uint32_t>(split.begin);
    const auto add = [&](TokenId id, Span span) {
      AddToken(id, parts_.model->vocab().TokenOf(id),
               {part_begin + span.begin, part_begin + span.end}, draft);
    };
    if (split.id >= 0) {
      add(split.id, {0, static_cast<uint32_t>(part.size())});
      continue;
    }
    pieces.clear();
    parts_.library->Encode(part, part_begin == 0, draft.with_offsets, pieces);
    for (const auto& piece : pieces) add(piece.id, piece.span);
  }
}

void PipelineTokenizer::EncodeWords(const PreTokenized& words, WordCache& cache,
                                    Draft& draft) const {
  for (const Word& word : words.words) {
    const std::string_view text = word.text();
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = parts_.model->EndOfPart(text, begin);
      EncodeWord({word.source, word.begin + static_cast<uint32_t>(begin),
                  word.begin + static_cast<uint32_t>(end)},
                 cache, draft);
      begin = end;
    }
  }
}

void PipelineTokenizer::EncodeWord(const Word& word, WordCache& cache, Draft& draft) const {
  std::vector<Symbol>& symbols = cache.symbols;
  const std::string_view text = word.text();
  WordCache::Entry* entry = nullptr;
  uint64_t hash = 0;
  if (!draft.with_offsets && WordCache::Fits(text)) {
    hash = HashBytes(text);
    entry = &cache.At(hash);
    if (entry->Holds(hash, text)) {
      draft.ids.insert(draft.ids.end(), entry->ids, entry->ids + entry->num_ids);
      return;
    }
  }
  symbols.clear();
  parts_.model->Encode(text, symbols);
  if (!draft.with_offsets) {
    for (const Symbol& symbol : symbols) draft.ids.push_back(symbol.id);
    if (entry != nullptr && symbols.size() <= WordCache::kMaxIds) {
      entry->hash = hash;
      entry->length = static_cast<uint8_t>(text.size());
      entry->num_ids = static_cast<uint8_t>(symbols.size());
      std::memcpy(entry->word, text.data(), text.size());
      for (size_t i = 0; i < symbols.size(); ++i) entry->ids[i] = symbols[i].id;
    }
    return;
  }
  if (AddAfterDroppedBytes(word, symbols, draft)) return;
  size_t begin = word.begin;
  for (const Symbol& symbol : symbols) {
    AddToken(symbol.id, parts_.model->vocab().TokenOf(symbol.id),
             word.source->OriginOf(begin, begin + symbol.length), draft);
    begin += symbol.length;
  }
}

// A vocabulary without an unknown token leaves out bytes that it has no token for. The reference
// then counts what is left from the beginning of the word, in its mapped characters.
bool PipelineTokenizer::AddAfterDroppedBytes(const Word& word, const std::vector<Symbol>& symbols,
                                             Draft& draft) const {
  if (!parts_.model->uses_bytes()) return false;
  size_t covered = 0;
  for (const Symbol& symbol : symbols) covered += symbol.length;
  if (covered == word.end - word.begin) return false;
  std::vector<uint32_t> byte_of;  // for each byte of the mapped word
  for (uint32_t i = word.begin; i < word.end; ++i) {
    const auto byte = static_cast<uint8_t>(word.source->text[i]);
    byte_of.insert(byte_of.end(), Utf8Length(ByteLevelChar(byte)), i);
  }
  size_t begin = 0;
  for (const Symbol& symbol : symbols) {
    const std::string_view token = parts_.model->vocab().TokenOf(symbol.id);
    const size_t end = begin + token.size();
    const bool inside = !token.empty() && end <= byte_of.size();
    AddToken(symbol.id, token,
             inside ? word.source->OriginOf(byte_of[begin], byte_of[end - 1] + 1) : Span{}, draft);
    begin = end;
  }
  return true;
}

void PipelineTokenizer::AddToken(TokenId id, std::string_view token, Span span,
                                 Draft& draft) const {
  draft.ids.push_back(id);
  if (!draft.with_offsets) return;
  draft.spans.push_back(span);
  if (!parts_.post_processor.trim_offsets) return;
  Draft::Blanks blanks;
  for (size_t i = 0; i < token.size() && IsBlank(DecodeUtf8(token, i));) ++blanks.leading;
  for (size_t i = token.size(); i > 0 && IsBlank(DecodeUtf8Backward(token, i));) ++blanks.trailing;
  draft.blanks.push_back(blanks);
}

// The post-processor ByteLevel of tokenizers (pre_tokenizers/byte_level.rs: process_offsets).
void PipelineTokenizer::TrimOffsets(const Draft& draft, Encoding& encoding) const {
  for (size_t i = 0; i < encoding.offsets.size(); ++i) {
    auto& [begin, end] = encoding.offsets[i];
    int64_t leading = draft.blanks[i].leading;
    const int64_t trailing = draft.blanks[i].trailing;
    if (leading > 0) {
      const bool is_first = i == 0 || begin == 0;
      if (is_first && leading == 1 && parts_.post_processor.trim_keeps_prefix_space) leading = 0;
      begin = std::min(begin + leading, end);
    }
    if (trailing > 0 && end >= trailing) end = std::max(end - trailing, begin);
  }
}

std::string PipelineTokenizer::Decode(std::span<const TokenId> ids,
                                      bool skip_special_tokens) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const TokenId id : ids) {
    const AddedToken* added = parts_.added_tokens.Find(id);
    std::string_view token =
        added != nullptr ? std::string_view(added->shown) : parts_.model->vocab().TokenOf(id);
    if (token.data() == nullptr) continue;
    if (skip_special_tokens && parts_.added_tokens.IsSpecial(token)) continue;
    tokens.emplace_back(token);
  }
  if (parts_.decoder != nullptr) parts_.decoder->Apply(tokens);
  std::string out;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i != 0 && parts_.decoder == nullptr) out += ' ';
    out += tokens[i];
  }
  return out;
}

std::optional<TokenId> PipelineTokenizer::TokenToId(std::string_view token) const {
  if (const auto id = parts_.added_tokens.IdOf(token)) return id;
  return parts_.model->vocab().Find(token);
}

std::optional<std::string> PipelineTokenizer::IdToToken(TokenId id) const {
  if (const AddedToken* added = parts_.added_tokens.Find(id)) return added->shown;
  const std::string_view token = parts_.model->vocab().TokenOf(id);
  if (token.data() == nullptr) return std::nullopt;
  return std::string(token);
}

int64_t PipelineTokenizer::vocab_size() const {
  return std::max(parts_.added_tokens.end_id(), parts_.model->vocab().end_id());
}

bool PipelineTokenizer::IsSpecial(TokenId id) const {
  const auto token = IdToToken(id);
  return token && parts_.added_tokens.IsSpecial(*token);
}

}  // namespace dear
