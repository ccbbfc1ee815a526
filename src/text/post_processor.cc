#include "text/post_processor.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/error.h"
#include "text/nesting.h"
#include "text/vocab.h"

namespace dear {
namespace {

constexpr size_t kMaxTemplatePieces = 256;

void Append(const Encoding& from, uint8_t type_id, Encoding& to) {
  to.ids.insert(to.ids.end(), from.ids.begin(), from.ids.end());
  to.offsets.insert(to.offsets.end(), from.offsets.begin(), from.offsets.end());
  to.type_ids.insert(to.type_ids.end(), from.ids.size(), type_id);
}

uint8_t ParseTypeId(const JsonFields& fields) {
  const int64_t type_id = fields.Int("type_id", 0);
  if (type_id < 0 || type_id > 255) fields.Fail("type_id", "expected 0 to 255");
  return static_cast<uint8_t>(type_id);
}

TokenId ParseId(const Json& json, const std::string& context) {
  if (!json.is_number_integer() || json.get<int64_t>() < 0 || json.get<int64_t>() > Vocab::kMaxId) {
    throw Error(ErrorCode::kInvalidFormat, context, "expected a token id");
  }
  return json.get<TokenId>();
}

using SpecialTokens = std::map<std::string, std::vector<TokenId>>;

SpecialTokens ParseSpecialTokens(const JsonFields& fields) {
  SpecialTokens out;
  const Json* tokens = fields.Find("special_tokens");
  if (tokens == nullptr) return out;
  if (!tokens->is_object()) fields.Fail("special_tokens", "expected an object");
  for (const auto& [name, value] : tokens->items()) {
    const JsonFields token(value, fields.context() + " special_tokens '" + name + "'");
    const Json* ids = token.Find("ids");
    if (ids == nullptr || !ids->is_array() || ids->size() > kMaxTemplatePieces) {
      token.Fail("ids", "expected a short array");
    }
    for (const Json& id : *ids) out[name].push_back(ParseId(id, token.context()));
  }
  return out;
}

std::vector<PostProcessor::Piece> ParseTemplate(const JsonFields& fields, const char* key,
                                                const SpecialTokens& special_tokens) {
  const Json* list = fields.Find(key);
  if (list == nullptr || !list->is_array() || list->size() > kMaxTemplatePieces) {
    fields.Fail(key, "expected a short array of template pieces");
  }
  std::vector<PostProcessor::Piece> out;
  for (const Json& item : *list) {
    const JsonFields piece(item, fields.context() + " " + key);
    PostProcessor::Piece parsed;
    if (const Json* special = piece.Find("SpecialToken")) {
      const JsonFields inner(*special, piece.context() + " SpecialToken");
      const auto found = special_tokens.find(inner.RequireString("id"));
      if (found == special_tokens.end()) inner.Fail("id", "not among special_tokens");
      parsed.kind = PostProcessor::Piece::Kind::kSpecial;
      parsed.ids = found->second;
      parsed.type_id = ParseTypeId(inner);
    } else if (const Json* sequence = piece.Find("Sequence")) {
      const JsonFields inner(*sequence, piece.context() + " Sequence");
      const std::string id = inner.RequireString("id");
      if (id != "A" && id != "B") inner.Fail("id", "expected A or B, found '" + id + "'");
      parsed.kind =
          id == "A" ? PostProcessor::Piece::Kind::kFirst : PostProcessor::Piece::Kind::kSecond;
      parsed.type_id = ParseTypeId(inner);
    } else {
      throw Error(ErrorCode::kUnsupported, piece.context(), "expected SpecialToken or Sequence");
    }
    out.push_back(std::move(parsed));
  }
  return out;
}

PostProcessor::Piece SpecialPiece(const JsonFields& fields, const char* key, uint8_t type_id) {
  const Json* pair = fields.Find(key);  // ["[SEP]", 102]
  if (pair == nullptr || !pair->is_array() || pair->size() != 2) {
    fields.Fail(key, "expected [token, id]");
  }
  return {PostProcessor::Piece::Kind::kSpecial,
          {ParseId((*pair)[1], fields.context() + " " + key)},
          type_id};
}

void Parse(const Json& json, const std::string& context, int depth, PostProcessor& out) {
  if (depth > kMostNestedParts) throw Error(ErrorCode::kInvalidFormat, context, "nested too deep");
  const JsonFields fields(json, context);
  const std::string type = fields.RequireString("type");
  const std::string inner = context + " " + type;
  if (type == "Sequence") {
    const Json* list = fields.Find("processors");
    if (list == nullptr || !list->is_array()) fields.Fail("processors", "expected an array");
    for (const Json& part : *list) Parse(part, inner, depth + 1, out);
    return;
  }
  if (type == "ByteLevel") {
    // Trimming twice trims as once, for the offsets that are left begin and end in text; but
    // behind a template it would see the special tokens too.
    if (fields.Bool("trim_offsets", true) && out.has_template) {
      throw Error(ErrorCode::kUnsupported, inner, "field 'trim_offsets' behind a template");
    }
    if (fields.Bool("trim_offsets", true)) {
      out.trim_offsets = true;
      out.trim_keeps_prefix_space = fields.Bool("add_prefix_space", true);
    }
    return;
  }
  if (out.has_template) {
    throw Error(ErrorCode::kUnsupported, inner, "a second template in one post-processor");
  }
  using Kind = PostProcessor::Piece::Kind;
  if (type == "TemplateProcessing") {
    const JsonFields in_type(json, inner);
    const SpecialTokens special_tokens = ParseSpecialTokens(in_type);
    out.single = ParseTemplate(in_type, "single", special_tokens);
    out.pair = ParseTemplate(in_type, "pair", special_tokens);
    const auto uses = [](const std::vector<PostProcessor::Piece>& pieces, Kind kind) {
      return std::any_of(pieces.begin(), pieces.end(),
                         [&](const auto& p) { return p.kind == kind; });
    };
    if (uses(out.single, Kind::kSecond)) in_type.Fail("single", "sequence B in a single template");
    if (!uses(out.pair, Kind::kFirst) || !uses(out.pair, Kind::kSecond)) {
      in_type.Fail("pair", "expected both sequences A and B");
    }
  } else if (type == "BertProcessing") {
    const auto cls = SpecialPiece(fields, "cls", 0);
    const auto sep = SpecialPiece(fields, "sep", 0);
    auto second_sep = sep;
    second_sep.type_id = 1;
    out.single = {cls, {Kind::kFirst, {}, 0}, sep};
    out.pair = {cls, {Kind::kFirst, {}, 0}, sep, {Kind::kSecond, {}, 1}, second_sep};
  } else {
    throw Error(ErrorCode::kUnsupported, context, "post-processor '" + type + "' is not supported");
  }
  out.has_template = true;
}

}  // namespace

PostProcessor ParsePostProcessor(const Json& json, const std::string& context) {
  PostProcessor out;
  Parse(json, context, 0, out);
  return out;
}

int64_t PostProcessor::NumAdded(bool is_pair) const {
  if (!has_template) return 0;
  int64_t count = 0;
  for (const Piece& piece : is_pair ? pair : single)
    count += static_cast<int64_t>(piece.ids.size());
  return count;
}

Encoding PostProcessor::Assemble(Encoding first, const Encoding* second, bool add_special_tokens,
                                 bool with_offsets) const {
  if (!has_template) {
    first.type_ids.assign(first.ids.size(), 0);
    if (second != nullptr) Append(*second, 1, first);
    return first;
  }
  Encoding out;
  for (const Piece& piece : second != nullptr ? pair : single) {
    switch (piece.kind) {
      case Piece::Kind::kFirst: Append(first, piece.type_id, out); break;
      case Piece::Kind::kSecond: Append(*second, piece.type_id, out); break;
      case Piece::Kind::kSpecial:
        if (!add_special_tokens) break;
        out.ids.insert(out.ids.end(), piece.ids.begin(), piece.ids.end());
        out.type_ids.insert(out.type_ids.end(), piece.ids.size(), piece.type_id);
        if (with_offsets) out.offsets.resize(out.ids.size());
        break;
    }
  }
  return out;
}

void TruncateLongestFirst(Encoding& first, Encoding* second, size_t max_length) {
  const auto cut = [](Encoding& encoding, size_t length) {
    encoding.ids.resize(std::min(length, encoding.ids.size()));
    if (!encoding.offsets.empty()) encoding.offsets.resize(encoding.ids.size());
  };
  if (second == nullptr) return cut(first, max_length);
  size_t shorter = first.ids.size();
  size_t longer = second->ids.size();
  if (shorter + longer <= max_length) return;
  const bool swapped = shorter > longer;
  if (swapped) std::swap(shorter, longer);
  // The longer text gives way until both are equal, then both do; the odd one stays with it.
  longer = shorter > max_length ? shorter : std::max(shorter, max_length - shorter);
  if (shorter + longer > max_length) {
    shorter = max_length / 2;
    longer = shorter + max_length % 2;
  }
  if (swapped) std::swap(shorter, longer);
  cut(first, shorter);
  cut(*second, longer);
}

}  // namespace dear
