#ifndef DEAR_TRAIN_TRAIN_CONFIG_FIELDS_H_
#define DEAR_TRAIN_TRAIN_CONFIG_FIELDS_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/yaml_fields.h"
#include "train/train_config.h"

namespace dear {

// Typed access to the fields of a training configuration: the file's, where no override replaces
// them. Values that are absent or null leave `out` as it is. Errors are kInvalidFormat unless said
// otherwise, and name the file and line, or the override.
class ConfigFields {
 public:
  // Throws kInvalidArgument for an override that is not key=value with a single YAML value.
  ConfigFields(std::string_view yaml, const std::vector<std::string>& overrides,
               const std::string& context);

  bool Has(const char* key);  // present and not null
  // Null where the key is absent.
  YAML::Node Value(const std::string& key);
  // The mapping that has the key, for what the readers below do not read.
  YamlFields& Ask(const char* key);

  void Read(const char* key, std::string* out);
  void Read(const char* key, bool* out);
  void Read(const char* key, int64_t low, int64_t high, int64_t* out);
  void Read(const char* key, int64_t low, int64_t high, std::optional<int64_t>* out);
  // A YAML list, or one text with commas.
  void Read(const char* key, std::vector<std::string>* out);
  // A finite number of at least `low` and below `high`.
  void Read(const char* key, double low, double high, double* out);
  std::optional<double> Number(const char* key, double low,
                               double high = std::numeric_limits<double>::infinity());
  // One of `names`, which stand in the order of the enum.
  template <typename Enum>
  void Read(const char* key, const std::vector<std::string_view>& names, Enum* out) {
    *out = static_cast<Enum>(Ask(key).Choice(key, names, static_cast<size_t>(*out)));
  }

  [[noreturn]] void Fail(const char* key, const std::string& what);
  // Throws kUnsupported.
  [[noreturn]] void Unsupported(const std::string& key, const std::string& what);

  // What was given and never asked for: keys without effect are returned, all others refused.
  std::vector<IgnoredKey> Finish();

 private:
  // The mapping of the file, or one override.
  struct Source {
    Source(const YAML::Node& node, const std::string& where);

    bool Contains(std::string_view key) const;

    YAML::Node map;
    std::string context;
    YamlFields fields;
  };

  static Source ParseOverride(const std::string& text);
  // The last override that has the key, else the file.
  Source& Of(const std::string& key);
  void CheckRest(const std::string& key, std::vector<IgnoredKey>* ignored);

  std::vector<Source> sources_;
  std::vector<std::string> known_;
};

// Without the blanks around it.
std::string_view Trimmed(std::string_view text);

}  // namespace dear

#endif  // DEAR_TRAIN_TRAIN_CONFIG_FIELDS_H_
