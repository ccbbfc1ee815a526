#include "search/word_breaks.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "search/word_break_tables.h"
#include "text/unicode.h"

namespace dear {
namespace {

constexpr char32_t kJoiner = 0x200D;
constexpr char32_t kTextSelector = 0xFE0E;
constexpr char32_t kEmojiSelector = 0xFE0F;
constexpr char32_t kKeyCap = 0x20E3;
constexpr char32_t kTagEnd = 0xE007F;

bool IsRegional(char32_t c) {
  return c >= 0x1F1E6 && c <= 0x1F1FF;
}
bool IsModifier(char32_t c) {
  return c >= 0x1F3FB && c <= 0x1F3FF;
}
bool IsKeyCapBase(char32_t c) {
  return (c >= '0' && c <= '9') || c == '#' || c == '*';
}
bool IsTag(char32_t c) {
  return c >= 0xE0020 && c < kTagEnd;
}

// The classes of every character: pages of 256, of which most are empty.
class ClassTable {
 public:
  ClassTable() {
    pages_.emplace_back();
    for (const WordBreakRange& range : WordBreakRanges()) {
      for (char32_t c = range.first; c <= range.last; ++c) {
        uint16_t& page = index_[c >> 8];
        if (page == 0) {
          page = static_cast<uint16_t>(pages_.size());
          pages_.emplace_back();
        }
        pages_[page][c & 0xFF] = range.classes;
      }
    }
  }

  uint8_t operator[](char32_t c) const { return pages_[index_[c >> 8]][c & 0xFF]; }

 private:
  std::array<uint16_t, 0x1100> index_{};
  std::vector<std::array<uint8_t, 256>> pages_;
};

const ClassTable& Classes() {
  static const ClassTable table;
  return table;
}

// The characters from the beginning of a word on, as far as a word can reach.
class Window {
 public:
  Window(std::string_view text, size_t begin) : text_(text), end_(begin) { Step(); }

  bool done() const { return done_; }
  char32_t code() const { return code_; }
  bool Is(uint8_t flag) const { return (classes_ & flag) != 0; }
  uint8_t core() const { return classes_ & kBreakCore; }
  bool extends() const { return !done_ && core() == kBreakExtend; }
  // Of the character.
  size_t begin() const { return begin_; }
  size_t end() const { return end_; }

  void Step() {
    begin_ = end_;
    done_ = end_ == text_.size();
    if (!done_) {
      code_ = DecodeUtf8(text_, end_);
      units_ += code_ < 0x10000 ? 1 : 2;
      done_ = units_ > WordBreaks::kLongest;
    }
    if (done_) {
      end_ = begin_;
      code_ = 0;
    }
    classes_ = done_ ? static_cast<uint8_t>(kBreakOther) : Classes()[code_];
  }

  void SkipExtending() {
    while (extends()) Step();
  }

 private:
  std::string_view text_;
  size_t begin_ = 0;
  size_t end_;
  size_t units_ = 0;
  char32_t code_ = 0;
  uint8_t classes_ = 0;
  bool done_ = false;
};

// What a word has come to. The rules name characters on both sides of a place, so that some states
// are a word only if the right character follows.
enum class WordState : uint8_t {
  kStop,
  kBegin,         // nothing, or connectors (_) alone
  kLetter,        //
  kHebrew,        // a letter that a quote may follow
  kHebrewSingle,  // behind its single quote, which belongs to the word
  kHebrewDouble,  // behind its double quote: a Hebrew letter has to follow
  kHebrewClosed,  // behind that one, which no quote may follow
  kNumber,
  kKatakana,
  kConnector,
  kMidLetter,  // behind the point of "e.g": a letter has to follow
  kMidNumber,  // behind the point of "3.14": a digit has to follow
};

bool IsWord(WordState state) {
  switch (state) {
    case WordState::kStop:
    case WordState::kBegin:
    case WordState::kHebrewDouble:
    case WordState::kMidLetter:
    case WordState::kMidNumber: return false;
    default: return true;
  }
}

WordState AfterLetter(uint8_t core, bool hebrew) {
  switch (core) {
    case kBreakMidLetter:
    case kBreakMidNumLet: return WordState::kMidLetter;
    case kBreakSingleQuote: return hebrew ? WordState::kHebrewSingle : WordState::kMidLetter;
    case kBreakDoubleQuote: return hebrew ? WordState::kHebrewDouble : WordState::kStop;
    default: return WordState::kStop;
  }
}

// Where a letter, a digit or a connector leads from most states.
WordState Alphanumeric(uint8_t core) {
  switch (core) {
    case kBreakLetter: return WordState::kLetter;
    case kBreakHebrewLetter: return WordState::kHebrew;
    case kBreakNumeric: return WordState::kNumber;
    case kBreakExtendNumLet: return WordState::kConnector;
    default: return WordState::kStop;
  }
}

WordState Follow(WordState state, uint8_t core) {
  const bool is_letter = core == kBreakLetter || core == kBreakHebrewLetter;
  switch (state) {
    case WordState::kBegin:
      if (core == kBreakExtendNumLet) return WordState::kBegin;
      return core == kBreakKatakana ? WordState::kKatakana : Alphanumeric(core);
    case WordState::kConnector:
      return core == kBreakKatakana ? WordState::kKatakana : Alphanumeric(core);
    case WordState::kKatakana:
      if (core == kBreakKatakana) return WordState::kKatakana;
      return core == kBreakExtendNumLet ? WordState::kConnector : WordState::kStop;
    case WordState::kMidLetter: return is_letter ? WordState::kLetter : WordState::kStop;
    case WordState::kMidNumber:
      return core == kBreakNumeric ? WordState::kNumber : WordState::kStop;
    case WordState::kHebrewDouble:
      return core == kBreakHebrewLetter ? WordState::kHebrewClosed : WordState::kStop;
    default: break;
  }
  if (const WordState next = Alphanumeric(core); next != WordState::kStop) return next;
  switch (state) {
    case WordState::kLetter: return AfterLetter(core, false);
    case WordState::kHebrew: return AfterLetter(core, true);
    case WordState::kNumber:
      return core == kBreakMidNum || core == kBreakMidNumLet || core == kBreakSingleQuote
                 ? WordState::kMidNumber
                 : WordState::kStop;
    default: return WordState::kStop;
  }
}

// Each of these gives where the longest word of its kind ends that begins with the window; the
// window's beginning where there is none.

size_t AlphanumericEnd(Window window) {
  size_t end = window.begin();
  if (window.extends()) return end;
  WordState state = WordState::kBegin;
  for (; !window.done(); window.Step()) {
    if (!window.extends()) state = Follow(state, window.core());
    if (state == WordState::kStop) break;
    if (IsWord(state)) end = window.end();
  }
  return end;
}

bool SkipExtendingButSelectors(Window* window, char32_t looked_for) {
  bool last_is = false;
  bool any_is = false;
  while (window->extends() && window->code() != kEmojiSelector && window->code() != kTextSelector) {
    last_is = window->code() == looked_for;
    any_is = any_is || last_is;
    window->Step();
  }
  return looked_for == kJoiner ? last_is : any_is;
}

size_t FlagEnd(Window window) {
  const size_t begin = window.begin();
  window.Step();
  window.SkipExtending();
  if (!IsRegional(window.code())) return begin;
  window.Step();
  window.SkipExtending();
  return window.begin();
}

size_t KeyCapEnd(Window window) {
  size_t end = window.begin();
  window.Step();
  if (SkipExtendingButSelectors(&window, kKeyCap)) end = window.begin();
  if (window.code() != kEmojiSelector) return end;
  window.Step();
  if (window.code() != kKeyCap) return end;
  SkipExtendingButSelectors(&window, kKeyCap);
  return window.begin();
}

size_t TagsEnd(Window window) {
  const size_t begin = window.begin();
  while (IsTag(window.code())) window.Step();
  return window.code() == kTagEnd && window.begin() > begin ? window.end() : begin;
}

// Emoji that joiners join, or one with tags.
size_t EmojiEnd(Window window) {
  if (IsRegional(window.code())) return FlagEnd(window);
  if (IsKeyCapBase(window.code())) return KeyCapEnd(window);
  size_t end = window.begin();
  bool joined = false;  // by a joiner that belongs to the emoji before
  for (bool first = true;; first = false) {
    size_t joiners = 0;
    for (; window.code() == kJoiner; window.Step()) ++joiners;
    if (!first && !joined && joiners == 0) return end;
    const bool is_modifier =
        IsModifier(window.code()) && joiners == static_cast<size_t>(first ? 0 : 1);
    if (window.done() || (!window.Is(kBreakEmoji) && !is_modifier)) return end;
    window.Step();
    joined = SkipExtendingButSelectors(&window, kJoiner);
    if (!is_modifier && window.code() == kEmojiSelector) {
      window.Step();
      joined = false;
      if (const size_t tags = TagsEnd(window); first && tags > window.begin()) return tags;
    }
    end = window.begin();
  }
}

size_t ComplexEnd(Window window) {
  if (!window.Is(kBreakComplex)) return window.begin();
  while (window.Is(kBreakComplex) || window.extends()) window.Step();
  return window.begin();
}

size_t SingleEnd(Window window) {
  if (!window.Is(kBreakSingle)) return window.begin();
  window.Step();
  window.SkipExtending();
  return window.begin();
}

}  // namespace

bool WordBreaks::Next(std::string_view* word) {
  for (; at_ < text_.size(); DecodeUtf8(text_, at_)) {
    const Window window(text_, at_);
    const bool is_nothing = window.core() == kBreakOther && !window.Is(0xFF & ~kBreakCore);
    if (is_nothing && !IsRegional(window.code()) && !IsKeyCapBase(window.code())) continue;
    const size_t end = std::max(std::max(AlphanumericEnd(window), EmojiEnd(window)),
                                std::max(ComplexEnd(window), SingleEnd(window)));
    if (end == at_) continue;
    *word = text_.substr(at_, end - at_);
    at_ = end;
    return true;
  }
  return false;
}

}  // namespace dear
