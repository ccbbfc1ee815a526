#include "base/json.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/mapped_file.h"

namespace dear {

namespace {

constexpr int kMaxDepth = 200;

// Counts brackets outside strings.
bool IsTooDeep(std::string_view text) {
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\') ++i;
      }
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

OrderedJson ShortFloat(float value) {
  if (!std::isfinite(value)) return nullptr;
  char digits[32];
  const char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  double shortest = 0;
  std::from_chars(digits, end, shortest);
  return shortest;
}

Json ParseJson(std::string_view text, const std::string& context) {
  if (IsTooDeep(text)) {
    throw Error(ErrorCode::kInvalidFormat, context,
                "JSON nested deeper than " + std::to_string(kMaxDepth) + " levels");
  }
  try {
    return Json::parse(text);
  } catch (const Json::exception& e) {
    throw Error(ErrorCode::kInvalidFormat, context, std::string("not valid JSON: ") + e.what());
  }
}

Json ReadJsonFile(const std::filesystem::path& path, size_t limit) {
  return ParseJson(ReadFile(path, limit), path.string());
}

JsonFields::JsonFields(const Json& object, std::string context)
    : object_(object), context_(std::move(context)) {
  if (!object_.is_object()) {
    throw Error(ErrorCode::kInvalidFormat, context_,
                std::string("expected a JSON object, found ") + object_.type_name());
  }
}

const Json* JsonFields::Find(const char* key) const {
  const auto it = object_.find(key);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

bool JsonFields::Has(const char* key) const {
  return Find(key) != nullptr;
}

bool JsonFields::IsNull(const char* key) const {
  const auto it = object_.find(key);
  return it != object_.end() && it->is_null();
}

void JsonFields::Fail(const char* key, const std::string& what) const {
  throw Error(ErrorCode::kInvalidFormat, context_, "field '" + std::string(key) + "': " + what);
}

std::optional<int64_t> JsonFields::Int(const char* key) const {
  const Json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
    Fail(key, "number too large");
  }
  if (value->is_number_integer()) return value->get<int64_t>();
  // Some writers store 4096.0.
  if (value->is_number_float()) {
    const double number = value->get<double>();
    if (std::nearbyint(number) == number && std::abs(number) < 9e15)
      return static_cast<int64_t>(number);
  }
  Fail(key, std::string("expected an integer, found ") + value->type_name());
}

std::optional<double> JsonFields::Number(const char* key) const {
  const Json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) Fail(key, std::string("expected a number, found ") + value->type_name());
  return value->get<double>();
}

std::optional<bool> JsonFields::Bool(const char* key) const {
  const Json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean())
    Fail(key, std::string("expected true or false, found ") + value->type_name());
  return value->get<bool>();
}

std::optional<std::string> JsonFields::String(const char* key) const {
  const Json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) Fail(key, std::string("expected a string, found ") + value->type_name());
  return value->get<std::string>();
}

int64_t JsonFields::RequireInt(const char* key) const {
  if (const auto value = Int(key)) return *value;
  Fail(key, "missing");
}

std::string JsonFields::RequireString(const char* key) const {
  if (auto value = String(key)) return *std::move(value);
  Fail(key, "missing");
}

}  // namespace dear
