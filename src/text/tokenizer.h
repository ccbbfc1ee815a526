#ifndef DEAR_TEXT_TOKENIZER_H_
#define DEAR_TEXT_TOKENIZER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/gguf.h"

namespace dear {

using TokenId = int32_t;

enum class Truncation { kNone, kRight, kLongestFirst };  // kRight for single texts

struct EncodeOptions {
  bool add_special_tokens = true;  // run the post-processor (BOS and the like)
  Truncation truncation = Truncation::kNone;
  int64_t max_length = 0;  // special tokens included, as in tokenizers
};

struct Encoding {
  std::vector<TokenId> ids;
  // [begin, end) of each token in code points of the original text, as tokenizers' offsets;
  // (0, 0) for tokens that the post-processor adds. Filled where asked for.
  std::vector<std::pair<int64_t, int64_t>> offsets;
  std::vector<uint8_t> type_ids;
};

// Text to ids and back; immutable and thread-safe. The ids equal those of the `tokenizers` library
// on any text. Invalid UTF-8 in the input becomes U+FFFD, one for each maximal broken part, as
// Python's bytes.decode(errors="replace") does.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // `path`: a folder (tokenizer.json with tokenizer_config.json, else tokenizer.model) or one of
  // these files. Throws Error that names the file and the field.
  static std::shared_ptr<const Tokenizer> Open(const std::filesystem::path& path);
  static std::shared_ptr<const Tokenizer> FromJson(std::string_view tokenizer_json,
                                                   std::string_view config_json,
                                                   const std::string& origin);
  static std::shared_ptr<const Tokenizer> FromGguf(const GgufFile& file);

  virtual Encoding Encode(std::string_view text, const EncodeOptions& options = {},
                          bool with_offsets = false) const = 0;
  virtual Encoding EncodePair(std::string_view first, std::string_view second,
                              const EncodeOptions& options = {},
                              bool with_offsets = false) const = 0;
  // Whole text of `ids`; bytes that form no UTF-8 become U+FFFD.
  virtual std::string Decode(std::span<const TokenId> ids, bool skip_special_tokens) const = 0;

  virtual std::optional<TokenId> TokenToId(std::string_view token) const = 0;
  virtual std::optional<std::string> IdToToken(TokenId id) const = 0;
  virtual int64_t vocab_size() const = 0;  // largest id + 1
  virtual bool IsSpecial(TokenId id) const = 0;

  // As the files name them; absent where they do not.
  virtual std::optional<TokenId> bos_id() const = 0;
  virtual std::optional<TokenId> eos_id() const = 0;
  virtual std::optional<TokenId> pad_id() const = 0;
  virtual const std::string& chat_template() const = 0;  // Jinja text; empty where there is none
};

// Decodes ids as they come. Next() returns text that is final: never part of a code point, and
// the concatenation of all pieces with Finish() equals Decode of all ids.
class StreamDecoder {
 public:
  StreamDecoder(std::shared_ptr<const Tokenizer> tokenizer, bool skip_special_tokens);
  std::string Next(TokenId id);
  std::string Finish();

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  bool skip_special_tokens_;
  static constexpr size_t kStretch = 32;
  void DropOldIds();

  std::vector<TokenId> ids_;  // the last ones; those far back are dropped
  size_t stretch_ = 0;        // ids_[stretch_] follows a place where all text had been given out
  size_t written_ = 0;        // bytes of the text of ids_ that were given out
};

}  // namespace dear

#endif  // DEAR_TEXT_TOKENIZER_H_
