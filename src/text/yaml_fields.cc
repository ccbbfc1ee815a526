#include "text/yaml_fields.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace dear {
namespace {

constexpr size_t kMaxBytes = size_t{256} << 10;

std::string At(const std::string& context, const YAML::Mark& mark) {
  return mark.is_null() ? context : context + ":" + std::to_string(mark.line + 1);
}

}  // namespace

YAML::Node ParseYaml(std::string_view text, const std::string& context) {
  if (text.size() > kMaxBytes) {
    throw Error(ErrorCode::kInvalidFormat, context,
                "a YAML file of " + std::to_string(text.size()) + " bytes; at most " +
                    std::to_string(kMaxBytes) + " are read");
  }
  try {
    YAML::Node node = YAML::Load(std::string(text));
    if (!node.IsMap()) {
      throw Error(ErrorCode::kInvalidFormat, context, "the file must be a mapping of fields");
    }
    return node;
  } catch (const YAML::Exception& error) {
    throw Error(ErrorCode::kInvalidFormat, At(context, error.mark), "not YAML: " + error.msg);
  }
}

YamlFields::YamlFields(const YAML::Node& map, std::string context, std::string path)
    : map_(map), context_(std::move(context)), path_(std::move(path)) {
  if (!map_.IsMap()) {
    throw Error(ErrorCode::kInvalidFormat, At(context_, map_.Mark()),
                "field '" + path_ + "' must be a mapping");
  }
  for (const auto& entry : map_) {
    if (!entry.first.IsScalar()) {
      throw Error(ErrorCode::kInvalidFormat, At(context_, entry.first.Mark()),
                  "a field's name must be plain text");
    }
    // yaml-cpp keeps both of two equal keys and finds the first: one of them would be lost quietly.
    if (!known_.insert(entry.first.Scalar()).second) Fail(entry.first.Scalar(), "is given twice");
  }
  known_.clear();
}

std::string YamlFields::PathOf(const std::string& key) const {
  return path_.empty() ? key : path_ + "." + key;
}

void YamlFields::Fail(const std::string& key, const std::string& what) const {
  YAML::Mark mark = map_.Mark();
  for (const auto& entry : map_) {
    if (entry.first.IsScalar() && entry.first.Scalar() == key) mark = entry.first.Mark();
  }
  throw Error(ErrorCode::kInvalidFormat, At(context_, mark), "field '" + PathOf(key) + "' " + what);
}

// A linear search: yaml-cpp's operator[] converts every key, and throws on odd ones.
YAML::Node YamlFields::Find(const char* key) {
  known_.insert(key);
  for (const auto& entry : map_) {
    if (entry.first.Scalar() == key) return entry.second;
  }
  return YAML::Node(YAML::NodeType::Null);
}

bool YamlFields::Has(const char* key) const {
  for (const auto& entry : map_) {
    if (entry.first.Scalar() == key) return !entry.second.IsNull();
  }
  return false;
}

std::optional<std::string> YamlFields::String(const char* key) {
  const YAML::Node node = Find(key);
  if (node.IsNull()) return std::nullopt;
  if (!node.IsScalar()) Fail(key, "must be a text");
  return node.Scalar();
}

std::string YamlFields::String(const char* key, const char* fallback) {
  return String(key).value_or(fallback);
}

std::string YamlFields::RequireString(const char* key) {
  auto value = String(key);
  if (!value) Fail(key, "is missing");
  return *std::move(value);
}

std::optional<int64_t> YamlFields::Int(const char* key, int64_t low, int64_t high) {
  const auto text = String(key);
  if (!text) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || value < low || value > high) {
    Fail(key, "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return value;
}

std::optional<double> YamlFields::Number(const char* key, double low, double high) {
  const auto text = String(key);
  if (!text) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || !std::isfinite(value) ||
      value < low || value > high) {
    Fail(key, "must be a number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return value;
}

std::optional<bool> YamlFields::Bool(const char* key) {
  const auto text = String(key);
  if (!text) return std::nullopt;
  if (*text != "true" && *text != "false") Fail(key, "must be true or false");
  return *text == "true";
}

std::vector<std::string> YamlFields::Strings(const char* key) {
  const YAML::Node node = Find(key);
  if (node.IsNull()) return {};
  if (node.IsScalar()) return {node.Scalar()};
  if (!node.IsSequence()) Fail(key, "must be a list of texts");
  std::vector<std::string> out;
  for (const auto& item : node) {
    if (!item.IsScalar()) Fail(key, "must be a list of texts");
    out.push_back(item.Scalar());
  }
  return out;
}

std::optional<YamlFields> YamlFields::Map(const char* key) {
  const YAML::Node node = Find(key);
  if (node.IsNull()) return std::nullopt;
  if (!node.IsMap()) Fail(key, "must be a mapping");
  return YamlFields(node, context_, PathOf(key));
}

std::vector<YamlFields> YamlFields::Maps(const char* key) {
  const YAML::Node node = Find(key);
  if (node.IsNull()) return {};
  if (!node.IsSequence()) Fail(key, "must be a list");
  std::vector<YamlFields> out;
  for (const auto& item : node) {
    const std::string name = std::string(key) + "[" + std::to_string(out.size()) + "]";
    if (!item.IsMap()) Fail(key, "must be a list of mappings");
    out.emplace_back(item, context_, PathOf(name));
  }
  return out;
}

size_t YamlFields::Choice(const char* key, const std::vector<std::string_view>& choices,
                          size_t fallback) {
  const auto text = String(key);
  if (!text) return fallback;
  std::string names;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (*text == choices[i]) return i;
    names += (i == 0 ? "" : ", ") + std::string(choices[i]);
  }
  Fail(key, "is '" + *text + "', but must be one of: " + names);
}

void YamlFields::Finish() const {
  for (const auto& entry : map_) {
    if (!known_.contains(entry.first.Scalar())) Fail(entry.first.Scalar(), "is not known");
  }
}

}  // namespace dear
