#include "formats/safetensors_header.h"

#include <set>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "formats/tensor_layout.h"

namespace dear {
namespace {

constexpr std::pair<std::string_view, DType> kNames[] = {
    {"F64", DType::kF64},   {"F32", DType::kF32},        {"F16", DType::kF16},
    {"BF16", DType::kBF16}, {"I64", DType::kI64},        {"I32", DType::kI32},
    {"I16", DType::kI16},   {"I8", DType::kI8},          {"U64", DType::kU64},
    {"U32", DType::kU32},   {"U16", DType::kU16},        {"U8", DType::kU8},
    {"BOOL", DType::kBool}, {"F8_E4M3", DType::kF8E4M3}, {"F8_E5M2", DType::kF8E5M2},
};

constexpr size_t kMaxNumbers = 64;

// Receives the header's JSON event by event. The format allows three levels:
// {"__metadata__": {key: text}, name: {"dtype": text, "shape": [n…], "data_offsets": [n, n]}}.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  explicit HeaderReader(const std::string& origin) : origin_(origin) {}

  SafetensorsHeader Take() { return std::move(header_); }

  bool key(string_t& name) override {
    switch (place_) {
      case Place::kTop: return TopKey(name);
      case Place::kMetadata:
        CheckName(name, origin_ + ": header");
        if (!header_.metadata.try_emplace(name).second) Fail("metadata key '" + name + "' twice");
        field_ = std::move(name);
        return true;
      default: return EntryKey(name);
    }
  }

  bool start_object(size_t) override {
    if (place_ == Place::kBefore) {
      place_ = Place::kTop;
    } else if (place_ == Place::kTop) {
      place_ = in_metadata_ ? Place::kMetadata : Place::kEntry;
    } else {
      FailHere("an object");
    }
    return true;
  }

  bool end_object() override {
    place_ = place_ == Place::kTop ? Place::kAfter : Place::kTop;
    return true;
  }

  bool start_array(size_t) override {
    if (place_ != Place::kEntry || field_ == "dtype") FailHere("an array");
    SafetensorsEntry& entry = header_.entries.back();
    (field_ == "shape" ? entry.shape : entry.offsets).emplace();
    place_ = Place::kNumbers;
    return true;
  }

  bool end_array() override {
    place_ = Place::kEntry;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::kNumbers) FailHere("a number");
    SafetensorsEntry& entry = header_.entries.back();
    std::vector<uint64_t>& numbers = field_ == "shape" ? *entry.shape : *entry.offsets;
    if (numbers.size() == kMaxNumbers) FailHere("too many numbers");
    numbers.push_back(value);
    return true;
  }

  bool string(string_t& value) override {
    if (place_ == Place::kMetadata) {
      header_.metadata[field_] = std::move(value);
    } else if (place_ == Place::kEntry && field_ == "dtype") {
      header_.entries.back().dtype = std::move(value);
    } else {
      FailHere("a string");
    }
    return true;
  }

  bool null() override { FailHere("null"); }
  bool boolean(bool) override { FailHere("true or false"); }
  bool number_integer(number_integer_t) override { FailHere("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { FailHere("a fraction"); }
  bool binary(binary_t&) override { FailHere("binary data"); }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& e) override {
    Fail("not valid JSON: " + std::string(e.what()).substr(0, 200));
  }

 private:
  enum class Place { kBefore, kTop, kMetadata, kEntry, kNumbers, kAfter };

  [[noreturn]] void Fail(const std::string& what) const {
    throw Error(ErrorCode::kInvalidFormat, origin_ + ": header", what);
  }
  [[noreturn]] void FailHere(const std::string& found) const {
    std::string where = "at the top level";
    if (place_ == Place::kMetadata) where = "in '__metadata__'";
    if (place_ == Place::kEntry || place_ == Place::kNumbers) {
      where = "in field '" + field_ + "' of tensor '" + header_.entries.back().name + "'";
    }
    Fail("unexpected value " + where + ": " + found);
  }

  bool TopKey(string_t& name) {
    CheckName(name, origin_ + ": header");
    if (!names_.insert(name).second) Fail("name '" + name + "' stands twice");
    in_metadata_ = name == "__metadata__";
    if (!in_metadata_) {
      header_.entries.emplace_back();
      header_.entries.back().name = std::move(name);
    }
    return true;
  }

  bool EntryKey(string_t& name) {
    const SafetensorsEntry& entry = header_.entries.back();
    const bool again = (name == "dtype" && entry.dtype) || (name == "shape" && entry.shape) ||
                       (name == "data_offsets" && entry.offsets);
    if (again || (name != "dtype" && name != "shape" && name != "data_offsets")) {
      CheckName(name, origin_ + ": header");
      Fail("tensor '" + entry.name + "': field '" + name + "' " +
           (again ? "stands twice" : "is unknown"));
    }
    field_ = std::move(name);
    return true;
  }

  const std::string& origin_;
  SafetensorsHeader header_;
  std::set<std::string, std::less<>> names_;
  Place place_ = Place::kBefore;
  bool in_metadata_ = false;
  std::string field_;
};

}  // namespace

SafetensorsHeader ParseSafetensorsHeader(std::string_view json, const std::string& origin) {
  HeaderReader reader(origin);
  Json::sax_parse(json, &reader);
  return reader.Take();
}

std::optional<DType> DTypeOfSafetensorsName(std::string_view name) {
  for (const auto& [known, dtype] : kNames) {
    if (known == name) return dtype;
  }
  return std::nullopt;
}

std::optional<std::string_view> SafetensorsNameOf(DType dtype) {
  for (const auto& [name, known] : kNames) {
    if (known == dtype) return name;
  }
  return std::nullopt;
}

}  // namespace dear
