#include "text/normalizer.h"

#include <utility>

#include "base/error.h"
#include "text/nesting.h"
#include "text/pattern.h"
#include "text/unicode.h"
#include "text/unicode_normalization.h"

namespace dear {
namespace {

class SequenceNormalizer : public Normalizer {
 public:
  explicit SequenceNormalizer(std::vector<std::unique_ptr<const Normalizer>> parts)
      : parts_(std::move(parts)) {}
  void Apply(AlignedText& text) const override {
    for (const auto& part : parts_) part->Apply(text);
  }

 private:
  std::vector<std::unique_ptr<const Normalizer>> parts_;
};

class Prepend : public Normalizer {
 public:
  Prepend(std::string prefix, bool only_at_beginning)
      : prefix_(std::move(prefix)), only_at_beginning_(only_at_beginning) {}
  void Apply(AlignedText& text) const override {
    if (!only_at_beginning_ || text.origin.begin == 0) PrependText(prefix_, text);
  }

 private:
  std::string prefix_;
  bool only_at_beginning_;
};

class Replace : public Normalizer {
 public:
  explicit Replace(Replacement what) : what_(std::move(what)) {}
  void Apply(AlignedText& text) const override {
    if (!what_.pattern.string().empty()) {
      ReplaceText(what_.pattern.string(), what_.content, text);
      return;
    }
    std::vector<TextRange> matches;
    what_.pattern.FindAll(text.text, matches);
    if (matches.empty()) return;
    Rewriter rewriter(text);
    for (const auto& match : matches) {
      rewriter.Keep(match.begin - rewriter.position());
      rewriter.Replace(match.end - match.begin, what_.content);
    }
    text = std::move(rewriter).Finish();
  }

 private:
  Replacement what_;
};

class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void Apply(AlignedText& text) const override {
    const auto& classes = CharClasses::Get();
    const std::string_view all = text.text;
    size_t begin = 0;
    size_t end = all.size();
    for (size_t next = begin; left_ && begin < end; begin = next) {
      if ((classes[DecodeUtf8(all, next)] & kClassSpace) == 0) break;
    }
    for (size_t previous = end; right_ && end > begin; end = previous) {
      if ((classes[DecodeUtf8Backward(all, previous)] & kClassSpace) == 0) break;
    }
    if (end - begin == all.size()) return;
    Rewriter rewriter(text);
    rewriter.Drop(begin);
    rewriter.Keep(end - begin);
    rewriter.Drop(all.size() - end);
    text = std::move(rewriter).Finish();
  }

 private:
  bool left_;
  bool right_;
};

class Unicode : public Normalizer {
 public:
  explicit Unicode(NormalizationForm form) : form_(form) {}
  void Apply(AlignedText& text) const override { NormalizeUnicode(form_, text); }

 private:
  NormalizationForm form_;
};

class Lowercase : public Normalizer {
 public:
  void Apply(AlignedText& text) const override { LowercaseText(text); }
};

class StripAccents : public Normalizer {
 public:
  void Apply(AlignedText& text) const override { RemoveMarks(text); }
};

std::unique_ptr<const Normalizer> Parse(const Json& json, const std::string& context, int depth) {
  if (depth > kMostNestedParts) throw Error(ErrorCode::kInvalidFormat, context, "nested too deep");
  const JsonFields fields(json, context);
  const std::string type = fields.RequireString("type");
  const std::string inner = context + " " + type;
  if (type == "Sequence") {
    const Json* list = fields.Find("normalizers");
    if (list == nullptr || !list->is_array()) fields.Fail("normalizers", "expected an array");
    std::vector<std::unique_ptr<const Normalizer>> parts;
    for (const Json& part : *list) parts.push_back(Parse(part, inner, depth + 1));
    return MakeNormalizerSequence(std::move(parts));
  }
  if (type == "Prepend") return MakePrepend(fields.RequireString("prepend"));
  if (type == "Replace") {
    return std::make_unique<Replace>(Replacement::FromJson(fields, inner));
  }
  if (type == "Strip") {
    return std::make_unique<Strip>(fields.Bool("strip_left", false),
                                   fields.Bool("strip_right", false));
  }
  if (type == "NFC") return std::make_unique<Unicode>(NormalizationForm::kNfc);
  if (type == "NFD") return std::make_unique<Unicode>(NormalizationForm::kNfd);
  if (type == "NFKC") return std::make_unique<Unicode>(NormalizationForm::kNfkc);
  if (type == "NFKD") return std::make_unique<Unicode>(NormalizationForm::kNfkd);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "StripAccents") return std::make_unique<StripAccents>();
  throw Error(ErrorCode::kUnsupported, context, "normalizer '" + type + "' is not supported");
}

}  // namespace

std::unique_ptr<const Normalizer> ParseNormalizer(const Json& json, const std::string& context) {
  return Parse(json, context, 0);
}

std::unique_ptr<const Normalizer> MakePrepend(std::string prefix, bool only_at_beginning) {
  return std::make_unique<Prepend>(std::move(prefix), only_at_beginning);
}

std::unique_ptr<const Normalizer> MakeReplaceString(std::string from, std::string to) {
  return std::make_unique<Replace>(Replacement{Pattern::String(std::move(from)), std::move(to)});
}

std::unique_ptr<const Normalizer> MakeNormalizerSequence(
    std::vector<std::unique_ptr<const Normalizer>> parts) {
  return std::make_unique<SequenceNormalizer>(std::move(parts));
}

}  // namespace dear
