#ifndef DEAR_TEXT_YAML_FIELDS_H_
#define DEAR_TEXT_YAML_FIELDS_H_

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dear {

// Parses one YAML document that must be a mapping. `context` (usually the file) is named in errors
// (kInvalidFormat, with the line). Texts over 256 KiB are refused: these files are written by hand.
YAML::Node ParseYaml(std::string_view text, const std::string& context);

// Typed access to the fields of a mapping with errors that name file, line and field. What was
// never asked for is unknown: Finish() refuses it, so that a misspelt field does not go unnoticed.
class YamlFields {
 public:
  // `path`: the fields on the way here ("answer", "prompt.messages[2]"); empty at the top.
  YamlFields(const YAML::Node& map, std::string context, std::string path = "");

  bool Has(const char* key) const;  // present and not null
  std::optional<std::string> String(const char* key);
  std::optional<int64_t> Int(const char* key, int64_t low, int64_t high);
  std::optional<double> Number(const char* key, double low, double high);
  std::optional<bool> Bool(const char* key);
  // A list of strings, or one string alone; empty where absent.
  std::vector<std::string> Strings(const char* key);
  // A mapping below; nullopt where absent.
  std::optional<YamlFields> Map(const char* key);
  // A list of mappings below; empty where absent.
  std::vector<YamlFields> Maps(const char* key);

  std::string String(const char* key, const char* fallback);
  std::string RequireString(const char* key);

  const std::string& path() const { return path_; }
  // A string that must be one of `choices`; its index there.
  size_t Choice(const char* key, const std::vector<std::string_view>& choices, size_t fallback);

  void Finish() const;
  [[noreturn]] void Fail(const std::string& key, const std::string& what) const;

 private:
  YAML::Node Find(const char* key);
  std::string PathOf(const std::string& key) const;

  YAML::Node map_;
  std::string context_;
  std::string path_;
  std::set<std::string> known_;
};

}  // namespace dear

#endif  // DEAR_TEXT_YAML_FIELDS_H_
