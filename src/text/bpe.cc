#include "text/bpe.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/unicode.h"

namespace dear {
namespace {

std::string Quoted(std::string_view a, std::string_view b) {
  return "'" + std::string(a) + "' '" + std::string(b) + "'";
}

}  // namespace

BpeModel::BpeModel(Vocab vocab, const std::vector<MergePair>& merges, Options options,
                   std::string context)
    : vocab_(std::move(vocab)), options_(std::move(options)), context_(std::move(context)) {
  const size_t prefix_length = options_.continuing_subword_prefix.size();
  merges_.Reserve(merges.size());
  std::vector<bool> is_part(static_cast<size_t>(vocab_.end_id()));
  std::vector<bool> is_product(is_part.size());
  std::string product;
  for (size_t i = 0; i < merges.size(); ++i) {
    const auto [left, right, rank] = merges[i];
    const auto fail = [&, left = left, right = right](const std::string& what) {
      throw Error(
          ErrorCode::kInvalidFormat, context_,
          "field 'merges': merge " + std::to_string(i) + " (" + Quoted(left, right) + ") " + what);
    };
    const auto left_id = vocab_.Find(left);
    const auto right_id = vocab_.Find(right);
    if (!left_id || !right_id) fail("has a part that is not in the vocabulary");
    if (right.size() < prefix_length)
      fail("has a right part shorter than continuing_subword_prefix");
    product.assign(left).append(right.substr(prefix_length));
    const auto product_id = vocab_.Find(product);
    if (!product_id) fail("gives a token that is not in the vocabulary");
    merges_.Add(*left_id, *right_id, {rank, *product_id});
    is_part[static_cast<size_t>(*left_id)] = true;
    is_part[static_cast<size_t>(*right_id)] = true;
    is_product[static_cast<size_t>(*product_id)] = true;
  }
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof(name), "<0x%02X>", static_cast<unsigned>(byte));
    fallback_ids_[static_cast<size_t>(byte)] = vocab_.Find(name).value_or(kNone);
    std::string mapped;
    AppendUtf8(ByteLevelChar(static_cast<uint8_t>(byte)), mapped);
    byte_ids_[static_cast<size_t>(byte)] = vocab_.Find(mapped).value_or(kNone);
  }
  FindSeams(is_part, is_product);
}

// A part of a word must give the same as it does inside the word: every character by itself gives
// tokens, and those that stand for something else than their text never merge.
void BpeModel::FindSeams(const std::vector<bool>& is_part, const std::vector<bool>& is_product) {
  if (!options_.byte_fallback || options_.ignore_merges ||
      !options_.continuing_subword_prefix.empty() || !options_.end_of_word_suffix.empty()) {
    return;
  }
  for (const TokenId id : fallback_ids_) {
    if (id == kNone || is_part[static_cast<size_t>(id)] || is_product[static_cast<size_t>(id)])
      return;
  }
  seams_.emplace().Reserve(vocab_.size());
  for (size_t id = 0; id < is_product.size(); ++id) {
    if (is_product[id]) seams_->AddToken(vocab_.TokenOf(static_cast<TokenId>(id)));
  }
}

bool BpeModel::UseBytes() {
  const bool complete = std::find(byte_ids_.begin(), byte_ids_.end(), kNone) == byte_ids_.end();
  if (!options_.continuing_subword_prefix.empty() || !options_.end_of_word_suffix.empty() ||
      (options_.byte_fallback && !complete)) {
    return false;
  }
  uses_bytes_ = true;
  seams_.reset();  // they are of characters
  if (!options_.ignore_merges) return true;
  std::string bytes;
  whole_words_.Reserve(vocab_.size(), 0);
  for (TokenId id = 0; id < vocab_.end_id(); ++id) {
    const std::string_view token = vocab_.TokenOf(id);
    // The id that the token's text leads to, should two ids share one text.
    if (token.data() == nullptr || !IsByteLevel(token)) continue;
    bytes.clear();
    AppendByteLevelBytes(token, bytes);
    whole_words_.Add(bytes, vocab_.Find(token).value_or(id), context_);
  }
  return true;
}

void BpeModel::Encode(std::string_view word, std::vector<Symbol>& out) const {
  if (word.empty()) return;
  if (options_.ignore_merges) {
    if (const auto id = (uses_bytes_ ? whole_words_ : vocab_).Find(word)) {
      out.push_back({*id, static_cast<uint32_t>(word.size())});
      return;
    }
  }
  const size_t from = out.size();
  if (uses_bytes_) {
    SplitBytes(word, out);
  } else {
    Split(word, out);
  }
  MergeSymbols(merges_, out, from);
}

TokenId BpeModel::UnknownId() const {
  if (const auto id = vocab_.Find(*options_.unk_token)) return *id;
  throw Error(ErrorCode::kInvalidFormat, context_,
              "field 'unk_token': '" + *options_.unk_token + "' is not in the vocabulary");
}

void BpeModel::SplitBytes(std::string_view word, std::vector<Symbol>& out) const {
  uint32_t unknown = 0;  // bytes not yet written out as unknown
  const auto flush = [&] {
    if (unknown != 0) out.push_back({UnknownId(), unknown});
    unknown = 0;
  };
  for (const char c : word) {
    const TokenId id = byte_ids_[static_cast<uint8_t>(c)];
    if (id != kNone) {
      flush();
      out.push_back({id, 1});
    } else if (options_.unk_token) {
      if (!options_.fuse_unk) flush();
      ++unknown;
    }
  }
  flush();
}

void BpeModel::Split(std::string_view word, std::vector<Symbol>& out) const {
  const bool decorated =
      !options_.continuing_subword_prefix.empty() || !options_.end_of_word_suffix.empty();
  std::string storage;
  uint32_t unknown = 0;
  const auto flush = [&] {
    if (unknown != 0) out.push_back({UnknownId(), unknown});
    unknown = 0;
  };
  for (size_t begin = 0; begin < word.size();) {
    size_t end = begin;
    DecodeUtf8(word, end);
    std::string_view piece = word.substr(begin, end - begin);
    const auto length = static_cast<uint32_t>(piece.size());
    if (decorated) {
      storage.clear();
      if (begin != 0) storage = options_.continuing_subword_prefix;
      storage.append(piece);
      if (end == word.size()) storage.append(options_.end_of_word_suffix);
      piece = storage;
    }
    begin = end;

    if (const auto id = vocab_.Find(piece)) {
      flush();
      out.push_back({*id, length});
      continue;
    }
    if (options_.byte_fallback) {
      const bool all = std::all_of(piece.begin(), piece.end(), [&](char c) {
        return fallback_ids_[static_cast<uint8_t>(c)] != kNone;
      });
      if (all) {
        // An unknown before it is written out behind it, as the reference does.
        for (const char c : piece) out.push_back({fallback_ids_[static_cast<uint8_t>(c)], 1});
        continue;
      }
    }
    if (options_.unk_token) {
      if (!options_.fuse_unk) flush();
      unknown += length;
    }
  }
  flush();
}

}  // namespace dear
