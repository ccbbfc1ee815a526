#include "text/tokenizer_json_reader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"

namespace dear {
namespace {

constexpr size_t kMostNested = 64;

// Follows the parser through the file.
class Reader : public nlohmann::json_sax<Json> {
 public:
  Reader(TokenizerJson& out, const std::string& context) : out_(out), context_(context) {}

  bool null() override { return Value(nullptr); }
  bool boolean(bool value) override { return Value(value); }
  bool number_integer(number_integer_t value) override {
    if (place_ == Place::kVocab) return AddToken(value);
    return Value(value);
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (place_ == Place::kVocab) {
      return AddToken(static_cast<int64_t>(
          std::min<number_unsigned_t>(value, std::numeric_limits<int64_t>::max())));
    }
    return Value(value);
  }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    return Value(value);
  }
  bool string(string_t& value) override {
    if (place_ == Place::kMerges || place_ == Place::kMergePair) return AddMergePart(value);
    return Value(std::move(value));
  }
  bool binary(binary_t& /*value*/) override { Fail("binary data"); }

  bool start_object(size_t /*count*/) override {
    if (place_ != Place::kDocument) Fail("an object inside vocab or merges");
    if (AtModelField("vocab")) {
      place_ = Place::kVocab;
      out_.has_vocab = true;
      return true;
    }
    return Open(Json::object());
  }
  bool key(string_t& value) override {
    if (place_ == Place::kVocab) {
      token_ = std::move(value);
    } else {
      keys_.back() = std::move(value);
    }
    return true;
  }
  bool end_object() override {
    if (place_ == Place::kVocab) {
      place_ = Place::kDocument;
      return true;
    }
    return Close();
  }
  bool start_array(size_t /*count*/) override {
    if (place_ == Place::kMerges) {
      if (!out_.merge_ends.empty() && !out_.merges_are_pairs) Fail("field 'merges': two spellings");
      out_.merges_are_pairs = true;
      pair_length_ = 0;
      place_ = Place::kMergePair;
      return true;
    }
    if (place_ != Place::kDocument) Fail("an array inside vocab or a merge");
    if (AtModelField("merges")) {
      place_ = Place::kMerges;
      out_.has_merges = true;
      return true;
    }
    return Open(Json::array());
  }
  bool end_array() override {
    if (place_ == Place::kMergePair) {
      if (pair_length_ != 2)
        Fail("field 'merges': a merge of " + std::to_string(pair_length_) + " parts");
      place_ = Place::kMerges;
      return true;
    }
    if (place_ == Place::kMerges) {
      place_ = Place::kDocument;
      return true;
    }
    return Close();
  }
  bool parse_error(size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    Fail(std::string("not valid JSON: ") + error.what());
  }

 private:
  enum class Place { kDocument, kVocab, kMerges, kMergePair };

  [[noreturn]] void Fail(const std::string& what) const {
    throw Error(ErrorCode::kInvalidFormat, context_, what);
  }

  bool AtModelField(const char* name) const {
    return keys_.size() == 2 && keys_[0] == "model" && keys_[1] == name;
  }

  bool AddToken(int64_t id) {
    out_.vocab.Add(token_, id, context_ + " field 'vocab'");
    return true;
  }

  bool AddMergePart(const std::string& part) {
    if (place_ == Place::kMerges && out_.merges_are_pairs) Fail("field 'merges': two spellings");
    if (place_ == Place::kMergePair) ++pair_length_;
    if (out_.merge_text.size() + part.size() > std::numeric_limits<uint32_t>::max()) {
      Fail("field 'merges': longer than 4 GiB");
    }
    out_.merge_text += part;
    out_.merge_ends.push_back(static_cast<uint32_t>(out_.merge_text.size()));
    return true;
  }

  // Where the next value goes.
  Json& Slot() {
    if (stack_.empty()) return out_.document;
    Json& parent = *stack_.back();
    if (parent.is_array()) return parent.emplace_back();
    return parent[keys_.back()];
  }

  template <typename T>
  bool Value(T&& value) {
    if (place_ != Place::kDocument) {
      Fail(place_ == Place::kVocab ? "field 'vocab': the id of '" + token_ + "' is not an integer"
                                   : "field 'merges': a merge that is neither text nor a pair");
    }
    Slot() = std::forward<T>(value);
    return true;
  }

  bool Open(Json container) {
    if (stack_.size() >= kMostNested) Fail("nested too deep");
    Json& slot = Slot();
    slot = std::move(container);
    stack_.push_back(&slot);
    keys_.emplace_back();
    return true;
  }

  bool Close() {
    stack_.pop_back();
    keys_.pop_back();
    return true;
  }

  TokenizerJson& out_;
  const std::string& context_;
  Place place_ = Place::kDocument;
  // Open containers; a parent does not grow while a child is open, so the pointers stay good.
  std::vector<Json*> stack_;
  std::vector<std::string> keys_;  // the current key of each
  std::string token_;
  size_t pair_length_ = 0;
};

}  // namespace

TokenizerJson ReadTokenizerJson(std::string_view text, const std::string& context) {
  TokenizerJson out;
  Reader reader(out, context);
  Json::sax_parse(text, &reader);
  return out;
}

std::vector<BpeModel::MergePair> TokenizerJson::Merges(const std::string& context) const {
  std::vector<BpeModel::MergePair> out;
  const std::string_view text = merge_text;
  out.reserve(merge_ends.size());
  if (merges_are_pairs) {
    for (size_t i = 0; i + 1 < merge_ends.size(); i += 2) {
      const size_t begin = i == 0 ? 0 : merge_ends[i - 1];
      out.push_back({text.substr(begin, merge_ends[i] - begin),
                     text.substr(merge_ends[i], merge_ends[i + 1] - merge_ends[i]),
                     static_cast<uint32_t>(i / 2)});
    }
    return out;
  }
  for (size_t i = 0; i < merge_ends.size(); ++i) {
    const size_t begin = i == 0 ? 0 : merge_ends[i - 1];
    const std::string_view merge = text.substr(begin, merge_ends[i] - begin);
    if (merge.starts_with("#version")) continue;
    const size_t space = merge.find(' ');
    if (space == std::string_view::npos || merge.find(' ', space + 1) != std::string_view::npos) {
      throw Error(ErrorCode::kInvalidFormat, context,
                  "field 'merges': merge " + std::to_string(i) + " ('" + std::string(merge) +
                      "') is not two tokens with a space between");
    }
    out.push_back(
        {merge.substr(0, space), merge.substr(space + 1), static_cast<uint32_t>(out.size())});
  }
  return out;
}

}  // namespace dear
