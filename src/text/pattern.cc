#include "text/pattern.h"

#include <utility>

#include "base/error.h"

namespace dear {

Pattern Pattern::String(std::string text) {
  Pattern pattern;
  pattern.string_ = std::move(text);
  return pattern;
}

Pattern Pattern::RegularExpression(const std::string& regex, const std::string& context) {
  Pattern pattern;
  pattern.scanner_ = FindWordScanner(regex);
  if (pattern.scanner_ == nullptr) pattern.regex_ = std::make_shared<const Regex>(regex, context);
  return pattern;
}

Pattern Pattern::FromJson(const Json& json, const std::string& context) {
  const JsonFields fields(json, context);
  if (const auto text = fields.String("String")) return String(*text);
  if (const auto regex = fields.String("Regex")) return RegularExpression(*regex, context);
  throw Error(ErrorCode::kUnsupported, context, "expected a pattern of kind String or Regex");
}

Replacement Replacement::FromJson(const JsonFields& fields, const std::string& context) {
  const Json* pattern = fields.Find("pattern");
  if (pattern == nullptr) fields.Fail("pattern", "missing");
  std::string content = fields.RequireString("content");
  if (pattern->is_object() && pattern->contains("Regex") &&
      content.find('$') != std::string::npos) {
    throw Error(ErrorCode::kUnsupported, context, "field 'content': '$' with a regular expression");
  }
  return {Pattern::FromJson(*pattern, context + " pattern"), std::move(content)};
}

void Pattern::FindAll(std::string_view text, std::vector<TextRange>& matches) const {
  if (scanner_ != nullptr) {
    for (size_t i = 0; i < text.size();) {
      const size_t end = scanner_(text, i);
      matches.push_back({i, end});
      i = end;
    }
  } else if (regex_ != nullptr) {
    regex_->FindAll(text, matches);
  } else if (!string_.empty()) {
    for (size_t i = text.find(string_); i != std::string_view::npos;
         i = text.find(string_, i + string_.size())) {
      matches.push_back({i, i + string_.size()});
    }
  }
}

}  // namespace dear
