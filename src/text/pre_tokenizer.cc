#include "text/pre_tokenizer.h"

#include <utility>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/nesting.h"
#include "text/pattern.h"
#include "text/split_step.h"
#include "text/unicode.h"
#include "text/word_scanner.h"

namespace dear {
namespace {

void AddWords(const Word& word, const std::vector<TextRange>& pieces, std::vector<Word>& out) {
  for (const TextRange& piece : pieces) {
    out.push_back({word.source, word.begin + static_cast<uint32_t>(piece.begin),
                   word.begin + static_cast<uint32_t>(piece.end)});
  }
}

// Gives every word a text of its own, which `rewrite` changes.
template <typename Fn>
void RewriteWords(PreTokenized& text, Fn rewrite) {
  std::vector<Word> out;
  out.reserve(text.words.size());
  for (const Word& word : text.words) {
    AlignedText& own = text.texts.emplace_back(word.source->Slice(word.begin, word.end));
    rewrite(own);
    if (!own.text.empty()) out.push_back({&own, 0, static_cast<uint32_t>(own.text.size())});
  }
  text.words = std::move(out);
}

void ScanWords(WordScanner scanner, PreTokenized& text) {
  std::vector<Word> out;
  out.reserve(text.words.size() + text.words.size() / 2);
  for (const Word& word : text.words) {
    const std::string_view view = word.text();
    for (size_t begin = 0; begin < view.size();) {
      const size_t end = scanner(view, begin);
      out.push_back({word.source, word.begin + static_cast<uint32_t>(begin),
                     word.begin + static_cast<uint32_t>(end)});
      begin = end;
    }
  }
  text.words = std::move(out);
}

class SequencePreTokenizer : public PreTokenizer {
 public:
  explicit SequencePreTokenizer(std::vector<std::unique_ptr<const PreTokenizer>> parts)
      : parts_(std::move(parts)) {}
  void Apply(PreTokenized& text) const override {
    for (const auto& part : parts_) part->Apply(text);
  }
  Traits traits() const override {
    Traits out;
    for (size_t i = 0; i < parts_.size(); ++i) {
      const Traits part = parts_[i]->traits();
      out.needs_tracking |= part.needs_tracking && i > 0;
      out.ends_in_byte_level = part.ends_in_byte_level;
    }
    return out;
  }

 private:
  std::vector<std::unique_ptr<const PreTokenizer>> parts_;
};

class Split : public PreTokenizer {
 public:
  Split(Pattern pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
  void Apply(PreTokenized& text) const override {
    if (pattern_.scanner() != nullptr && behavior_ == SplitBehavior::kIsolated) {
      return ScanWords(pattern_.scanner(), text);
    }
    std::vector<Word> out;
    std::vector<TextRange> matches;
    std::vector<TextRange> pieces;
    for (const Word& word : text.words) {
      matches.clear();
      pieces.clear();
      pattern_.FindAll(word.text(), matches);
      CutByMatches(matches, word.end - word.begin, behavior_, invert_, pieces);
      AddWords(word, pieces, out);
    }
    text.words = std::move(out);
  }
  Traits traits() const override { return {}; }

 private:
  Pattern pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

// Single characters of a class are the delimiters.
class SplitOnClass : public PreTokenizer {
 public:
  SplitOnClass(uint8_t classes, SplitBehavior behavior) : classes_(classes), behavior_(behavior) {}
  void Apply(PreTokenized& text) const override {
    const auto& table = CharClasses::Get();
    std::vector<Word> out;
    std::vector<TextRange> matches;
    std::vector<TextRange> pieces;
    for (const Word& word : text.words) {
      matches.clear();
      pieces.clear();
      const std::string_view view = word.text();
      for (size_t i = 0; i < view.size();) {
        const size_t begin = i;
        if ((table[DecodeUtf8(view, i)] & classes_) != 0) matches.push_back({begin, i});
      }
      CutByMatches(matches, view.size(), behavior_, /*invert=*/false, pieces);
      AddWords(word, pieces, out);
    }
    text.words = std::move(out);
  }
  Traits traits() const override { return {}; }

 private:
  uint8_t classes_;
  SplitBehavior behavior_;
};

// \w+|[^\w\s]+ : runs of word characters and runs of what is neither word nor space.
class Whitespace : public PreTokenizer {
 public:
  void Apply(PreTokenized& text) const override {
    const auto& table = CharClasses::Get();
    std::vector<Word> out;
    for (const Word& word : text.words) {
      const std::string_view view = word.text();
      size_t begin = 0;
      int kind_of_run = 0;  // 0: spaces, 1: word, 2: other
      for (size_t i = 0; i <= view.size();) {
        const size_t at = i;
        int kind = 0;
        if (i < view.size()) {
          const uint8_t classes = table[DecodeUtf8(view, i)];
          kind = (classes & kClassPlainWord) != 0 ? 1 : (classes & kClassSpace) != 0 ? 0 : 2;
        } else {
          ++i;
        }
        if (kind == kind_of_run) continue;
        if (kind_of_run != 0) AddWords(word, {{begin, at}}, out);
        begin = at;
        kind_of_run = kind;
      }
    }
    text.words = std::move(out);
  }
  Traits traits() const override { return {}; }
};

class Metaspace : public PreTokenizer {
 public:
  enum class Prepend { kAlways, kFirst, kNever };
  Metaspace(std::string replacement, Prepend prepend, bool split)
      : replacement_(std::move(replacement)), prepend_(prepend), split_(split) {}

  void Apply(PreTokenized& text) const override {
    RewriteWords(text, [&](AlignedText& word) {
      ReplaceText(" ", replacement_, word);
      const bool wanted =
          prepend_ == Prepend::kAlways || (prepend_ == Prepend::kFirst && word.origin.begin == 0);
      if (wanted && !word.text.starts_with(replacement_)) PrependText(replacement_, word);
    });
    if (!split_) return;
    std::vector<Word> out;
    for (const Word& word : text.words) {
      // Every replacement begins a word.
      const std::string_view view = word.text();
      size_t begin = 0;
      for (size_t i = view.find(replacement_, 0); i != std::string_view::npos;
           i = view.find(replacement_, i + replacement_.size())) {
        if (i != begin) AddWords(word, {{begin, i}}, out);
        begin = i;
      }
      AddWords(word, {{begin, view.size()}}, out);
    }
    text.words = std::move(out);
  }
  Traits traits() const override {
    return {.ends_in_byte_level = false, .needs_tracking = prepend_ == Prepend::kFirst};
  }

 private:
  std::string replacement_;
  Prepend prepend_;
  bool split_;
};

class ByteLevel : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, bool use_regex, bool words_as_bytes)
      : add_prefix_space_(add_prefix_space),
        use_regex_(use_regex),
        words_as_bytes_(words_as_bytes) {}
  void Apply(PreTokenized& text) const override {
    if (add_prefix_space_) {
      RewriteWords(text, [](AlignedText& word) {
        if (!word.text.starts_with(' ')) PrependText(" ", word);
      });
    }
    if (use_regex_) ScanWords(ScanGpt2, text);
    if (words_as_bytes_) return;
    RewriteWords(text, [](AlignedText& word) {
      const std::string source = word.text;
      Rewriter rewriter(word);
      for (const char byte : source) {
        std::string mapped;
        AppendUtf8(ByteLevelChar(static_cast<uint8_t>(byte)), mapped);
        rewriter.Replace(1, mapped);
      }
      word = std::move(rewriter).Finish();
    });
  }
  Traits traits() const override { return {.ends_in_byte_level = true, .needs_tracking = false}; }

 private:
  bool add_prefix_space_;
  bool use_regex_;
  bool words_as_bytes_;
};

Metaspace::Prepend ParsePrepend(const JsonFields& fields) {
  // Files from before `prepend_scheme` have add_prefix_space.
  const std::string scheme =
      fields.String("prepend_scheme", fields.Bool("add_prefix_space", true) ? "always" : "never");
  if (scheme == "always") return Metaspace::Prepend::kAlways;
  if (scheme == "first") return Metaspace::Prepend::kFirst;
  if (scheme == "never") return Metaspace::Prepend::kNever;
  fields.Fail("prepend_scheme", "expected always, first or never, found '" + scheme + "'");
}

std::unique_ptr<const PreTokenizer> Parse(const Json& json, bool words_as_bytes, bool is_last,
                                          const std::string& context, int depth) {
  if (depth > kMostNestedParts) throw Error(ErrorCode::kInvalidFormat, context, "nested too deep");
  const JsonFields fields(json, context);
  const std::string type = fields.RequireString("type");
  const std::string inner = context + " " + type;
  if (type == "Sequence") {
    const Json* list = fields.Find("pretokenizers");
    if (list == nullptr || !list->is_array()) fields.Fail("pretokenizers", "expected an array");
    std::vector<std::unique_ptr<const PreTokenizer>> parts;
    for (size_t i = 0; i < list->size(); ++i) {
      parts.push_back(
          Parse((*list)[i], words_as_bytes, is_last && i + 1 == list->size(), inner, depth + 1));
    }
    return std::make_unique<SequencePreTokenizer>(std::move(parts));
  }
  if (type == "Split") {
    const Json* pattern = fields.Find("pattern");
    if (pattern == nullptr) fields.Fail("pattern", "missing");
    return std::make_unique<Split>(Pattern::FromJson(*pattern, inner + " pattern"),
                                   ParseSplitBehavior(fields.RequireString("behavior"), inner),
                                   fields.Bool("invert", false));
  }
  if (type == "Digits") {
    return std::make_unique<SplitOnClass>(kClassNumeric, fields.Bool("individual_digits", false)
                                                             ? SplitBehavior::kIsolated
                                                             : SplitBehavior::kContiguous);
  }
  if (type == "Punctuation") {
    return std::make_unique<SplitOnClass>(
        kClassPunctuation, ParseSplitBehavior(fields.String("behavior", "Isolated"), inner));
  }
  if (type == "WhitespaceSplit") {
    return std::make_unique<SplitOnClass>(kClassSpace, SplitBehavior::kRemoved);
  }
  if (type == "Whitespace") return std::make_unique<Whitespace>();
  if (type == "CharDelimiterSplit") {
    return std::make_unique<Split>(Pattern::String(fields.RequireString("delimiter")),
                                   SplitBehavior::kRemoved, false);
  }
  if (type == "Metaspace") {
    const std::string replacement = fields.RequireString("replacement");
    size_t length = 0;
    if (!replacement.empty()) DecodeUtf8(replacement, length);
    if (replacement.empty() || length != replacement.size()) {
      fields.Fail("replacement", "expected one character");
    }
    return std::make_unique<Metaspace>(replacement, ParsePrepend(fields),
                                       fields.Bool("split", true));
  }
  if (type == "ByteLevel") {
    return std::make_unique<ByteLevel>(fields.Bool("add_prefix_space", true),
                                       fields.Bool("use_regex", true), words_as_bytes && is_last);
  }
  throw Error(ErrorCode::kUnsupported, context, "pre-tokenizer '" + type + "' is not supported");
}

}  // namespace

std::unique_ptr<const PreTokenizer> ParsePreTokenizer(const Json& json, bool words_as_bytes,
                                                      const std::string& context) {
  return Parse(json, words_as_bytes, /*is_last=*/true, context, 0);
}

}  // namespace dear
