#include "text/unicode_normalization.h"

#include <utf8proc.h>

#include <algorithm>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/unicode.h"
#include "text/unicode_tables.h"

namespace dear {
namespace {

bool Contains(std::span<const CodePointRange> ranges, char32_t c) {
  const auto after =
      std::upper_bound(ranges.begin(), ranges.end(), c,
                       [](char32_t x, const auto& range) { return x < range.first; });
  return after != ranges.begin() && c <= std::prev(after)->last;
}

uint64_t PairKey(char32_t first, char32_t second) {
  return static_cast<uint64_t>(first) << 32 | second;
}

// Everything the four forms need of a character, in the reference's version of Unicode.
class NormalizationData {
 public:
  static const NormalizationData& Get() {
    static const NormalizationData data;
    return data;
  }

  uint8_t CombiningClass(char32_t c) const {
    if (c < 0x300) return 0;
    const auto value = utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class;
    return value == 0 || Contains(unicode_tables::NotReordered(), c) ? 0
                                                                     : static_cast<uint8_t>(value);
  }

  // Number of code points written to `out`, which holds 32 (the longest is 18).
  static size_t Decompose(char32_t c, bool compatibility, char32_t* out) {
    out[0] = c;
    if (c < 0xA0 || Contains(unicode_tables::NotDecomposed(), c)) return 1;
    utf8proc_int32_t buffer[32];
    int boundary = 0;
    const int options = static_cast<int>(UTF8PROC_DECOMPOSE) |
                        (compatibility ? static_cast<int>(UTF8PROC_COMPAT) : 0);
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), buffer, 32,
                                               static_cast<utf8proc_option_t>(options), &boundary);
    if (count < 1 || count > 32) return 1;
    for (utf8proc_ssize_t i = 0; i < count; ++i) out[i] = static_cast<char32_t>(buffer[i]);
    return static_cast<size_t>(count);
  }

  // The primary composite of two characters; 0 where there is none.
  char32_t Compose(char32_t first, char32_t second) const {
    constexpr char32_t kLeads = 0x1100;  // Hangul, by arithmetic (Unicode 15, section 3.12)
    constexpr char32_t kVowels = 0x1161;
    constexpr char32_t kTails = 0x11A7;
    constexpr char32_t kSyllables = 0xAC00;
    if (first - kLeads < 19 && second - kVowels < 21) {
      return kSyllables + ((first - kLeads) * 21 + (second - kVowels)) * 28;
    }
    if (first - kSyllables < 11172 && (first - kSyllables) % 28 == 0 && second > kTails &&
        second < kTails + 28) {
      return first + (second - kTails);
    }
    const auto found = pairs_.find(PairKey(first, second));
    return found == pairs_.end() ? 0 : found->second;
  }

 private:
  NormalizationData() {
    // Longer decompositions build on shorter ones: "ệ" is "ẹ" with a circumflex.
    struct Composite {
      char32_t character;
      std::vector<char32_t> parts;
    };
    std::vector<Composite> composites;
    for (char32_t c = 0xA0; c < 0x30000; ++c) {
      const auto* property = utf8proc_get_property(static_cast<utf8proc_int32_t>(c));
      if (property->decomp_type != 0 || property->comp_exclusion) continue;
      char32_t buffer[32];
      const size_t count = Decompose(c, false, buffer);
      if (count < 2 || (c >= 0xAC00 && c < 0xD7A4) || !IsComposed(c)) continue;
      composites.push_back({c, {buffer, buffer + count}});
    }
    std::stable_sort(composites.begin(), composites.end(),
                     [](const auto& a, const auto& b) { return a.parts.size() < b.parts.size(); });
    for (const auto& composite : composites) {
      char32_t first = composite.parts[0];
      for (size_t i = 1; i + 1 < composite.parts.size(); ++i) {
        const auto found = pairs_.find(PairKey(first, composite.parts[i]));
        if (found == pairs_.end()) {
          first = 0;
          break;
        }
        first = found->second;
      }
      if (first != 0) pairs_[PairKey(first, composite.parts.back())] = composite.character;
    }
  }

  // Whether NFC keeps `c`. Some characters are only another name for a composite.
  static bool IsComposed(char32_t c) {
    std::string text;
    AppendUtf8(c, text);
    const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
    utf8proc_int32_t buffer[32];
    const int options = static_cast<int>(UTF8PROC_STABLE) | static_cast<int>(UTF8PROC_COMPOSE);
    auto count = utf8proc_decompose(bytes, static_cast<utf8proc_ssize_t>(text.size()), buffer, 32,
                                    static_cast<utf8proc_option_t>(options));
    if (count < 1 || count > 32) return false;
    count = utf8proc_normalize_utf32(buffer, count, static_cast<utf8proc_option_t>(options));
    return count == 1 && static_cast<char32_t>(buffer[0]) == c;
  }

  std::unordered_map<uint64_t, char32_t> pairs_;
};

// A character on its way to the result. `change` counts characters as the reference does: 0
// replaces one of the source, 1 is added, -n replaces one and removes the n behind it.
struct Piece {
  char32_t character;
  int64_t change;
  uint8_t combining_class;
};

std::vector<Piece> Decomposed(std::string_view text, bool compatibility) {
  const auto& data = NormalizationData::Get();
  std::vector<Piece> out;
  out.reserve(text.size());
  size_t pending = 0;  // marks from here on are not in order yet
  const auto sort = [&] {
    std::stable_sort(
        out.begin() + static_cast<ptrdiff_t>(pending), out.end(),
        [](const Piece& a, const Piece& b) { return a.combining_class < b.combining_class; });
    pending = out.size();
  };
  char32_t buffer[32];
  for (size_t i = 0; i < text.size();) {
    const size_t count = NormalizationData::Decompose(DecodeUtf8(text, i), compatibility, buffer);
    for (size_t k = 0; k < count; ++k) {
      const uint8_t combining_class = data.CombiningClass(buffer[k]);
      if (combining_class == 0) sort();
      out.push_back({buffer[k], k == 0 ? 0 : 1, combining_class});
      if (combining_class == 0) pending = out.size();
    }
  }
  sort();
  return out;
}

std::vector<Piece> Composed(const std::vector<Piece>& pieces) {
  const auto& data = NormalizationData::Get();
  std::vector<Piece> out;
  out.reserve(pieces.size());
  constexpr size_t kNone = static_cast<size_t>(-1);
  size_t starter = kNone;  // in out
  for (const Piece& piece : pieces) {
    if (starter != kNone) {
      // A mark in between blocks those of its own class or a lower one.
      const bool adjacent = starter + 1 == out.size();
      const bool blocked = !adjacent && out.back().combining_class >= piece.combining_class;
      const char32_t composite =
          blocked ? 0 : data.Compose(out[starter].character, piece.character);
      if (composite != 0) {
        out[starter].character = composite;
        out[starter].change += piece.change - 1;
        continue;
      }
    }
    if (piece.combining_class == 0) starter = out.size();
    out.push_back(piece);
  }
  return out;
}

// No character of `text` can change: below the first that decomposes or combines.
bool IsPlain(NormalizationForm form, std::string_view text) {
  const char32_t limit = form == NormalizationForm::kNfc ? 0x300 : 0xA0;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = DecodeUtf8(text, i);
    if (c < limit) continue;
    // Ideographs and kana are most of what is left in practice; of these, none below changes.
    const bool ideograph = (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF);
    const bool punctuation = form == NormalizationForm::kNfc && c >= 0x2010 && c <= 0x2027;
    if (!ideograph && !punctuation) return false;
  }
  return true;
}

// Writes `pieces` over `text`, giving spans by their changes: tokenizers' transform_range.
void Transform(const std::vector<Piece>& pieces, AlignedText& text) {
  AlignedText out;
  out.tracked = text.tracked;
  out.origin = text.origin;
  out.text.reserve(text.text.size());
  const std::string_view old = text.text;
  size_t position = 0;
  const auto skip = [&] {
    if (position < old.size()) DecodeUtf8(old, position);
  };
  for (const Piece& piece : pieces) {
    const size_t before = out.text.size();
    AppendUtf8(piece.character, out.text);
    if (!text.tracked) continue;
    Span span{text.origin.begin, text.origin.begin};
    if (piece.change > 0) {
      if (position > 0) span = text.spans[position - 1];
    } else {
      if (position < old.size()) span = text.spans[position];
      for (int64_t i = 0; i <= -piece.change; ++i) skip();
    }
    out.spans.insert(out.spans.end(), out.text.size() - before, span);
  }
  text = std::move(out);
}

}  // namespace

void NormalizeUnicode(NormalizationForm form, AlignedText& text) {
  if (IsPlain(form, text.text)) return;
  const bool compatibility = form == NormalizationForm::kNfkc || form == NormalizationForm::kNfkd;
  const bool compose = form == NormalizationForm::kNfc || form == NormalizationForm::kNfkc;
  std::vector<Piece> pieces = Decomposed(text.text, compatibility);
  if (compose) pieces = Composed(pieces);
  Transform(pieces, text);
}

void LowercaseText(AlignedText& text) {
  const auto lowercase = unicode_tables::Lowercase();
  const std::string source = text.text;
  Rewriter rewriter(text);
  std::string small;
  for (size_t i = 0; i < source.size();) {
    const size_t begin = i;
    const char32_t c = DecodeUtf8(source, i);
    small.clear();
    if (c == 0x130) {
      small = "i\xCC\x87";  // the one letter whose small form is two characters
    } else {
      const auto extra =
          std::lower_bound(lowercase.begin(), lowercase.end(), c,
                           [](const auto& pair, char32_t x) { return pair.first < x; });
      const bool found = extra != lowercase.end() && extra->first == c;
      AppendUtf8(found ? extra->last
                       : static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))),
                 small);
    }
    rewriter.Replace(i - begin, small);
  }
  text = std::move(rewriter).Finish();
}

void RemoveMarks(AlignedText& text) {
  const std::string source = text.text;
  Rewriter rewriter(text);
  for (size_t i = 0; i < source.size();) {
    const size_t begin = i;
    const char32_t c = DecodeUtf8(source, i);
    if (Contains(unicode_tables::Mark(), c)) {
      rewriter.Drop(i - begin);
    } else {
      rewriter.Keep(i - begin);
    }
  }
  text = std::move(rewriter).Finish();
}

}  // namespace dear
