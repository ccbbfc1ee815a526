#include "text/bpe.h"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <utility>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/unicode.h"

namespace dear {
namespace {

// Below this many symbols a scan for the lowest rank is faster than a heap.
constexpr size_t kLongWord = 48;
constexpr uint32_t kNoRank = std::numeric_limits<uint32_t>::max();

std::string Quoted(std::string_view a, std::string_view b) {
  return "'" + std::string(a) + "' '" + std::string(b) + "'";
}

}  // namespace

BpeModel::BpeModel(Vocab vocab, const std::vector<MergePair>& merges, Options options,
                   std::string context)
    : vocab_(std::move(vocab)), options_(std::move(options)), context_(std::move(context)) {
  const size_t prefix_length = options_.continuing_subword_prefix.size();
  merges_.Reserve(merges.size());
  std::string product;
  for (size_t i = 0; i < merges.size(); ++i) {
    const auto [left, right] = merges[i];
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
    merges_.Add(*left_id, *right_id, {static_cast<uint32_t>(i), *product_id});
  }
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof(name), "<0x%02X>", static_cast<unsigned>(byte));
    fallback_ids_[static_cast<size_t>(byte)] = vocab_.Find(name).value_or(kNone);
    std::string mapped;
    AppendUtf8(ByteLevelChar(static_cast<uint8_t>(byte)), mapped);
    byte_ids_[static_cast<size_t>(byte)] = vocab_.Find(mapped).value_or(kNone);
  }
}

bool BpeModel::UseBytes() {
  const bool complete = std::find(byte_ids_.begin(), byte_ids_.end(), kNone) == byte_ids_.end();
  if (!options_.continuing_subword_prefix.empty() || !options_.end_of_word_suffix.empty() ||
      (options_.byte_fallback && !complete)) {
    return false;
  }
  uses_bytes_ = true;
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
  if (out.size() - from < kLongWord) {
    MergeShort(out, from);
  } else {
    MergeLong(out, from);
  }
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

void BpeModel::MergeShort(std::vector<Symbol>& symbols, size_t from) const {
  size_t count = symbols.size() - from;
  if (count < 2) return;
  Symbol* const s = symbols.data() + from;
  Merge best_of[kLongWord];  // of symbol i with its right neighbour
  const auto look_up = [&](size_t i) {
    const Merge* merge = merges_.Find(s[i].id, s[i + 1].id);
    best_of[i] = merge != nullptr ? *merge : Merge{kNoRank, kNone};
  };
  for (size_t i = 0; i + 1 < count; ++i) look_up(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (best_of[i].rank < best_of[best].rank) best = i;
    }
    if (best_of[best].rank == kNoRank) break;
    s[best] = {best_of[best].product, s[best].length + s[best + 1].length};
    for (size_t i = best + 1; i + 1 < count; ++i) {
      s[i] = s[i + 1];
      best_of[i - 1] = best_of[i];
    }
    --count;
    if (best > 0) look_up(best - 1);
    if (best + 1 < count) look_up(best);
  }
  symbols.resize(from + count);
}

void BpeModel::MergeLong(std::vector<Symbol>& symbols, size_t from) const {
  struct Candidate {
    uint32_t rank;
    uint32_t position;
    TokenId product;
    // std::push_heap keeps the largest on top; wanted is the lowest rank, then the leftmost.
    bool operator<(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : position > other.position;
    }
  };
  const size_t count = symbols.size() - from;
  Symbol* const s = symbols.data() + from;
  constexpr uint32_t kEnd = std::numeric_limits<uint32_t>::max();
  std::vector<uint32_t> next(count);
  std::vector<uint32_t> previous(count);
  std::vector<Candidate> heap;
  for (size_t i = 0; i < count; ++i) {
    previous[i] = i == 0 ? kEnd : static_cast<uint32_t>(i - 1);
    next[i] = i + 1 == count ? kEnd : static_cast<uint32_t>(i + 1);
    if (i + 1 == count) break;
    if (const Merge* merge = merges_.Find(s[i].id, s[i + 1].id)) {
      heap.push_back({merge->rank, static_cast<uint32_t>(i), merge->product});
    }
  }
  std::make_heap(heap.begin(), heap.end());
  const auto push = [&](uint32_t left, uint32_t right) {
    if (const Merge* merge = merges_.Find(s[left].id, s[right].id)) {
      heap.push_back({merge->rank, left, merge->product});
      std::push_heap(heap.begin(), heap.end());
    }
  };
  while (!heap.empty()) {
    const Candidate top = heap.front();
    std::pop_heap(heap.begin(), heap.end());
    heap.pop_back();
    const uint32_t left = top.position;
    if (s[left].length == 0) continue;  // merged away
    const uint32_t right = next[left];
    if (right == kEnd) continue;
    const Merge* merge = merges_.Find(s[left].id, s[right].id);
    if (merge == nullptr || merge->product != top.product) continue;  // its symbols have changed
    s[left] = {top.product, s[left].length + s[right].length};
    s[right].length = 0;
    next[left] = next[right];
    if (next[left] != kEnd) previous[next[left]] = left;
    if (previous[left] != kEnd) push(previous[left], left);
    if (next[left] != kEnd) push(left, next[left]);
  }
  const auto first = symbols.begin() + static_cast<ptrdiff_t>(from);
  symbols.erase(std::remove_if(first, symbols.end(), [](const Symbol& x) { return x.length == 0; }),
                symbols.end());
}

}  // namespace dear
