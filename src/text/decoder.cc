#include "text/decoder.h"

#include <optional>
#include <utility>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/nesting.h"
#include "text/pattern.h"
#include "text/unicode.h"

namespace dear {
namespace {

class SequenceDecoder : public Decoder {
 public:
  explicit SequenceDecoder(std::vector<std::unique_ptr<const Decoder>> parts)
      : parts_(std::move(parts)) {}
  void Apply(std::vector<std::string>& tokens) const override {
    for (const auto& part : parts_) part->Apply(tokens);
  }

 private:
  std::vector<std::unique_ptr<const Decoder>> parts_;
};

class Fuse : public Decoder {
 public:
  void Apply(std::vector<std::string>& tokens) const override {
    std::string all;
    for (const auto& token : tokens) all += token;
    tokens.clear();
    tokens.push_back(std::move(all));
  }
};

class ByteLevelDecoder : public Decoder {
 public:
  void Apply(std::vector<std::string>& tokens) const override {
    std::string bytes;
    for (const auto& token : tokens) AppendByteLevelBytes(token, bytes);
    std::string storage;
    std::string text(ValidUtf8(bytes, storage));
    tokens.clear();
    tokens.push_back(std::move(text));
  }
};

class MetaspaceDecoder : public Decoder {
 public:
  MetaspaceDecoder(std::string replacement, bool strip_first)
      : replacement_(std::move(replacement)), strip_first_(strip_first) {}
  void Apply(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      const bool strip = strip_first_ && i == 0;
      std::string out;
      size_t from = 0;
      for (size_t at = tokens[i].find(replacement_); at != std::string::npos;
           at = tokens[i].find(replacement_, from)) {
        out.append(tokens[i], from, at - from);
        if (!strip) out += ' ';
        from = at + replacement_.size();
      }
      if (from == 0) continue;
      out.append(tokens[i], from);
      tokens[i] = std::move(out);
    }
  }

 private:
  std::string replacement_;
  bool strip_first_;
};

class ReplaceDecoder : public Decoder {
 public:
  explicit ReplaceDecoder(Replacement what) : what_(std::move(what)) {}
  void Apply(std::vector<std::string>& tokens) const override {
    std::vector<TextRange> matches;
    for (auto& token : tokens) {
      matches.clear();
      what_.pattern.FindAll(token, matches);
      if (matches.empty()) continue;
      std::string out;
      size_t from = 0;
      for (const auto& match : matches) {
        out.append(token, from, match.begin - from).append(what_.content);
        from = match.end;
      }
      out.append(token, from);
      token = std::move(out);
    }
  }

 private:
  Replacement what_;
};

// The byte of a token "<0x0A>".
std::optional<char> ByteOf(const std::string& token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  int value = 0;
  for (const size_t i : {3, 4}) {
    const char c = token[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    // A plus sign before one digit is a number to the reference's parser.
    if (digit < 0 && !(i == 3 && c == '+')) return std::nullopt;
    value = value * 16 + (digit < 0 ? 0 : digit);
  }
  return static_cast<char>(value);
}

class ByteFallback : public Decoder {
 public:
  void Apply(std::vector<std::string>& tokens) const override {
    std::vector<std::string> out;
    out.reserve(tokens.size());
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) return;
      if (IsValidUtf8(bytes)) {
        out.push_back(bytes);
      } else {
        for (size_t i = 0; i < bytes.size(); ++i) out.emplace_back(kReplacementCharacter);
      }
      bytes.clear();
    };
    for (auto& token : tokens) {
      if (const auto byte = ByteOf(token)) {
        bytes.push_back(*byte);
      } else {
        flush();
        out.push_back(std::move(token));
      }
    }
    flush();
    tokens = std::move(out);
  }
};

// Takes up to `start` and `stop` times a character off the ends of every token.
class StripDecoder : public Decoder {
 public:
  StripDecoder(std::string content, int64_t start, int64_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}
  void Apply(std::vector<std::string>& tokens) const override {
    for (auto& token : tokens) {
      std::string_view rest = token;
      for (int64_t i = 0; i < start_ && rest.starts_with(content_); ++i) {
        rest.remove_prefix(content_.size());
      }
      for (int64_t i = 0; i < stop_ && rest.ends_with(content_); ++i) {
        rest.remove_suffix(content_.size());
      }
      if (rest.size() != token.size()) token = std::string(rest);
    }
  }

 private:
  std::string content_;
  int64_t start_;
  int64_t stop_;
};

std::string OneCharacter(const JsonFields& fields, const char* key) {
  std::string text = fields.RequireString(key);
  size_t length = 0;
  if (!text.empty()) DecodeUtf8(text, length);
  if (text.empty() || length != text.size()) fields.Fail(key, "expected one character");
  return text;
}

std::unique_ptr<const Decoder> ParseNested(const Json& json, const std::string& context,
                                           int depth) {
  if (depth > kMostNestedParts) throw Error(ErrorCode::kInvalidFormat, context, "nested too deep");
  const JsonFields fields(json, context);
  const std::string type = fields.RequireString("type");
  const std::string inner = context + " " + type;
  if (type == "Sequence") {
    const Json* list = fields.Find("decoders");
    if (list == nullptr || !list->is_array()) fields.Fail("decoders", "expected an array");
    std::vector<std::unique_ptr<const Decoder>> parts;
    for (const Json& part : *list) parts.push_back(ParseNested(part, inner, depth + 1));
    return std::make_unique<SequenceDecoder>(std::move(parts));
  }
  if (type == "ByteLevel") return std::make_unique<ByteLevelDecoder>();
  if (type == "ByteFallback") return std::make_unique<ByteFallback>();
  if (type == "Fuse") return std::make_unique<Fuse>();
  if (type == "Metaspace") {
    const std::string scheme =
        fields.String("prepend_scheme", fields.Bool("add_prefix_space", true) ? "always" : "never");
    return std::make_unique<MetaspaceDecoder>(OneCharacter(fields, "replacement"),
                                              scheme != "never");
  }
  if (type == "Replace") {
    return std::make_unique<ReplaceDecoder>(Replacement::FromJson(fields, inner));
  }
  if (type == "Strip") {
    return std::make_unique<StripDecoder>(OneCharacter(fields, "content"),
                                          fields.RequireInt("start"), fields.RequireInt("stop"));
  }
  throw Error(ErrorCode::kUnsupported, context, "decoder '" + type + "' is not supported");
}

}  // namespace

std::unique_ptr<const Decoder> ParseDecoder(const Json& json, const std::string& context) {
  return ParseNested(json, context, 0);
}

}  // namespace dear
