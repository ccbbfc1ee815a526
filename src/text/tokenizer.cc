#include "text/tokenizer.h"

#include <cstddef>
#include <utility>

#include "base/error.h"
#include "base/mapped_file.h"
#include "text/tokenizer_config.h"
#include "text/tokenizer_files.h"
#include "text/unicode.h"

namespace dear {
namespace {

// "<0x0A>": a byte of a character that the vocabulary does not have.
bool IsByteToken(const std::string& token) {
  return token.size() == 6 && token.starts_with("<0x") && token.ends_with('>');
}

}  // namespace

std::shared_ptr<const Tokenizer> Tokenizer::Open(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::exists(path, error)) throw Error(ErrorCode::kNotFound, path.string(), "no such file");
  if (path.extension() == ".gguf") return FromGguf(*GgufFile::Open(path));
  fs::path file = path;
  if (fs::is_directory(path, error)) {
    file = path / "tokenizer.json";
    if (!fs::exists(file, error)) file = path / "tokenizer.model";
    if (!fs::exists(file, error)) {
      throw Error(ErrorCode::kNotFound, path.string(),
                  "neither tokenizer.json nor tokenizer.model in this folder");
    }
  }
  const auto beside = [&](const char* name) {
    const fs::path other = file.parent_path() / name;
    return fs::exists(other, error) ? ReadFile(other) : std::string();
  };
  // A template in a file of its own comes before the one in the configuration.
  TokenizerConfig config =
      ParseTokenizerConfig({.config = beside("tokenizer_config.json"),
                            .special_tokens_map = beside("special_tokens_map.json"),
                            .added_tokens = beside("added_tokens.json")},
                           file.parent_path().string());
  if (std::string text = beside("chat_template.jinja"); !text.empty()) {
    config.chat_template = std::move(text);
  }
  return file.extension() == ".model"
             ? TokenizerFromSentencePiece(ReadFile(file), config, file.string())
             : TokenizerFromJson(ReadFile(file), config, file.string());
}

std::shared_ptr<const Tokenizer> Tokenizer::FromJson(std::string_view tokenizer_json,
                                                     std::string_view config_json,
                                                     const std::string& origin) {
  return TokenizerFromJson(
      tokenizer_json, ParseTokenizerConfig({.config = std::string(config_json)}, origin), origin);
}

StreamDecoder::StreamDecoder(std::shared_ptr<const Tokenizer> tokenizer, bool skip_special_tokens)
    : tokenizer_(std::move(tokenizer)), skip_special_tokens_(skip_special_tokens) {}

std::string StreamDecoder::Next(TokenId id) {
  const auto token = tokenizer_->IdToToken(id);
  if (!token || (skip_special_tokens_ && tokenizer_->IsSpecial(id))) return "";
  ids_.push_back(id);
  // The bytes so far may turn out to be broken: only what follows a run of them settles it.
  if (IsByteToken(*token)) return "";
  const std::string text = tokenizer_->Decode(ids_, skip_special_tokens_);
  // The end may be the beginning of a character.
  size_t settled = text.size();
  if (text.ends_with(kReplacementCharacter)) settled -= kReplacementCharacter.size();
  if (settled <= written_) return "";
  std::string piece = text.substr(written_, settled - written_);
  written_ = settled;
  if (settled == text.size()) DropOldIds();
  return piece;
}

// All text of ids_ was given out. What comes next depends on the ids far back only through the
// beginning of a text, from which some decoders strip a space: so the stretch that is kept must
// have begun to show something, and then it goes on as the whole would.
void StreamDecoder::DropOldIds() {
  if (ids_.size() - stretch_ < kStretch) return;
  const std::span<const TokenId> stretch = std::span(ids_).subspan(stretch_);
  const std::string text = tokenizer_->Decode(stretch, skip_special_tokens_);
  if (text.find_first_not_of(' ') == std::string::npos) return;
  ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(stretch_));
  stretch_ = ids_.size();
  written_ = text.size();
}

std::string StreamDecoder::Finish() {
  const std::string text = tokenizer_->Decode(ids_, skip_special_tokens_);
  std::string rest = written_ < text.size() ? text.substr(written_) : std::string();
  ids_.clear();
  stretch_ = 0;
  written_ = 0;
  return rest;
}

}  // namespace dear
