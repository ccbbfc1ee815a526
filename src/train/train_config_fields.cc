#include "train/train_config_fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <sstream>
#include <utility>

#include "base/error.h"
#include "train/train_config_keys.h"

namespace dear {
namespace {

std::string Short(double value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

// A value that says that a feature is not used.
bool IsOff(const YAML::Node& value) {
  if (value.IsNull()) return true;
  if (!value.IsScalar()) return value.size() == 0;
  constexpr std::string_view kOff[] = {"false", "False", "FALSE", "0", "0.0", "", "no", "none"};
  return std::ranges::find(kOff, value.Scalar()) != std::end(kOff);
}

}  // namespace

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

ConfigFields::Source::Source(const YAML::Node& node, const std::string& where)
    : map(node), context(where), fields(node, where) {}

bool ConfigFields::Source::Contains(std::string_view key) const {
  return std::any_of(map.begin(), map.end(),
                     [&](const auto& entry) { return entry.first.Scalar() == key; });
}

ConfigFields::Source ConfigFields::ParseOverride(const std::string& text) {
  const std::string context = "override '" + text + "'";
  const size_t equals = text.find('=');
  const std::string key(Trimmed(std::string_view(text).substr(0, equals)));
  if (equals == std::string::npos || key.empty()) {
    throw Error(ErrorCode::kInvalidArgument, context, "expected key=value");
  }
  YAML::Node value;
  try {
    value = YAML::Load(text.substr(equals + 1));
  } catch (const YAML::Exception& error) {
    throw Error(ErrorCode::kInvalidArgument, context, "the value is not YAML: " + error.msg);
  }
  if (!value.IsScalar() && !value.IsNull()) {
    throw Error(ErrorCode::kInvalidArgument, context, "the value must be a single one, no list");
  }
  YAML::Node map(YAML::NodeType::Map);
  map[key] = value;
  return {map, context};
}

ConfigFields::ConfigFields(std::string_view yaml, const std::vector<std::string>& overrides,
                           const std::string& context) {
  sources_.emplace_back(ParseYaml(yaml, context), context);
  for (const std::string& text : overrides) sources_.push_back(ParseOverride(text));
}

ConfigFields::Source& ConfigFields::Of(const std::string& key) {
  size_t i = sources_.size() - 1;
  while (i > 0 && !sources_[i].Contains(key)) --i;
  return sources_[i];
}

bool ConfigFields::Has(const char* key) {
  return Of(key).fields.Has(key);
}

YAML::Node ConfigFields::Value(const std::string& key) {
  for (const auto& entry : Of(key).map) {
    if (entry.first.Scalar() == key) return entry.second;
  }
  return YAML::Node(YAML::NodeType::Null);
}

YamlFields& ConfigFields::Ask(const char* key) {
  known_.emplace_back(key);
  return Of(key).fields;
}

void ConfigFields::Read(const char* key, std::string* out) {
  if (auto text = Ask(key).String(key)) *out = *std::move(text);
}

void ConfigFields::Read(const char* key, bool* out) {
  const auto text = Ask(key).String(key);
  if (!text) return;
  const bool yes = *text == "true" || *text == "True" || *text == "TRUE";
  if (!yes && *text != "false" && *text != "False" && *text != "FALSE") {
    Fail(key, "must be true or false");
  }
  *out = yes;
}

void ConfigFields::Read(const char* key, int64_t low, int64_t high, int64_t* out) {
  if (const auto value = Ask(key).Int(key, low, high)) *out = *value;
}

void ConfigFields::Read(const char* key, int64_t low, int64_t high, std::optional<int64_t>* out) {
  if (const auto value = Ask(key).Int(key, low, high)) *out = *value;
}

void ConfigFields::Read(const char* key, std::vector<std::string>* out) {
  if (!Has(key)) {
    Ask(key);
    return;
  }
  out->clear();
  for (const std::string& text : Ask(key).Strings(key)) {
    std::string_view rest = text;
    while (true) {
      const size_t comma = rest.find(',');
      out->emplace_back(Trimmed(rest.substr(0, comma)));
      if (out->back().empty()) Fail(key, "has an empty name");
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
}

std::optional<double> ConfigFields::Number(const char* key, double low, double high) {
  const auto text = Ask(key).String(key);
  if (!text) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || !std::isfinite(value) ||
      value < low || value >= high) {
    Fail(key, "is '" + *text + "', but must be a number of at least " + Short(low) +
                  (std::isinf(high) ? "" : " and below " + Short(high)));
  }
  return value;
}

void ConfigFields::Read(const char* key, double low, double high, double* out) {
  if (const auto value = Number(key, low, high)) *out = *value;
}

void ConfigFields::Fail(const char* key, const std::string& what) {
  Of(key).fields.Fail(key, what);
}

void ConfigFields::Unsupported(const std::string& key, const std::string& what) {
  const Source& source = Of(key);
  std::string where = source.context;
  for (const auto& entry : source.map) {
    const YAML::Mark mark = entry.first.Mark();
    if (entry.first.Scalar() == key && !mark.is_null())
      where += ":" + std::to_string(mark.line + 1);
  }
  throw Error(ErrorCode::kUnsupported, where, "field '" + key + "' " + what);
}

void ConfigFields::CheckRest(const std::string& key, std::vector<IgnoredKey>* ignored) {
  if (std::ranges::find(known_, key) != known_.end()) return;
  if (const KeyNote* note = FindIgnoredKey(key)) {
    const IgnoredKey entry{key, std::string(note->note)};
    if (std::ranges::find(*ignored, entry) == ignored->end()) ignored->push_back(entry);
    return;
  }
  if (const KeyNote* note = FindUnsupportedKey(key)) {
    if (IsOff(Value(key))) return;
    Unsupported(key, "is not supported: " + std::string(note->note));
  }
  const std::string nearest = NearestKey(key, known_);
  Fail(key.c_str(),
       nearest.empty() ? "is not known" : "is not known; did you mean '" + nearest + "'?");
}

std::vector<IgnoredKey> ConfigFields::Finish() {
  std::vector<IgnoredKey> ignored;
  for (const Source& source : sources_) {
    for (const auto& entry : source.map) CheckRest(entry.first.Scalar(), &ignored);
  }
  return ignored;
}

}  // namespace dear
