#ifndef DEAR_BASE_JSON_H_
#define DEAR_BASE_JSON_H_

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace dear {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

// A float as the shortest decimal that reads back as the same float; null for NaN and infinities,
// which JSON does not have.
OrderedJson ShortFloat(float value);

// Parses one JSON text; `context` (usually the file) is named in errors (kInvalidFormat). Nesting
// is bounded, so that copying and printing the result, which recurse, cannot overflow the stack.
Json ParseJson(std::string_view text, const std::string& context);
// The same for a file of at most `limit` bytes.
Json ReadJsonFile(const std::filesystem::path& path, size_t limit = size_t{32} << 20);

// Typed access to the fields of an object with errors that name file and field. A field that is
// absent or null gives nullopt (or the fallback); one of the wrong type throws kInvalidFormat.
class JsonFields {
 public:
  // `object` must outlive this view.
  JsonFields(const Json& object, std::string context);

  bool Has(const char* key) const;     // present and not null
  bool IsNull(const char* key) const;  // present and null
  const Json* Find(const char* key) const;
  const std::string& context() const { return context_; }

  std::optional<int64_t> Int(const char* key) const;
  std::optional<double> Number(const char* key) const;
  std::optional<bool> Bool(const char* key) const;
  std::optional<std::string> String(const char* key) const;

  int64_t Int(const char* key, int64_t fallback) const { return Int(key).value_or(fallback); }
  double Number(const char* key, double fallback) const { return Number(key).value_or(fallback); }
  bool Bool(const char* key, bool fallback) const { return Bool(key).value_or(fallback); }
  std::string String(const char* key, const std::string& fallback) const {
    return String(key).value_or(fallback);
  }

  // A field that must be there.
  int64_t RequireInt(const char* key) const;
  std::string RequireString(const char* key) const;

  [[noreturn]] void Fail(const char* key, const std::string& what) const;

 private:
  const Json& object_;
  std::string context_;
};

}  // namespace dear

#endif  // DEAR_BASE_JSON_H_
