#include "text/tokenizer.h"

#include <utility>

#include "base/error.h"
#include "base/mapped_file.h"

namespace dear {
namespace {

// "<0x0A>": a byte of a character that the vocabulary does not have.
bool IsByteToken(const std::optional<std::string>& token) {
  return token && token->size() == 6 && token->starts_with("<0x") && token->ends_with('>');
}

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

}  // namespace

std::shared_ptr<const Tokenizer> Tokenizer::Open(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const bool is_folder = fs::is_directory(path, error);
  const fs::path folder = is_folder ? path : path.parent_path();
  const fs::path json = is_folder ? folder / "tokenizer.json" : path;
  if (is_folder && !fs::exists(json, error)) {
    throw Error(ErrorCode::kNotFound, path.string(), "no tokenizer.json in this folder");
  }
  if (path.extension() == ".gguf") return FromGguf(*GgufFile::Open(path));
  const fs::path config = folder / "tokenizer_config.json";
  const std::string config_text = fs::exists(config, error) ? ReadFile(config) : std::string();
  return FromJson(ReadFile(json), config_text, json.string());
}

StreamDecoder::StreamDecoder(std::shared_ptr<const Tokenizer> tokenizer, bool skip_special_tokens)
    : tokenizer_(std::move(tokenizer)), skip_special_tokens_(skip_special_tokens) {}

std::string StreamDecoder::Next(TokenId id) {
  ids_.push_back(id);
  const auto token = tokenizer_->IdToToken(id);
  const bool is_left_out = !token || (skip_special_tokens_ && tokenizer_->IsSpecial(id));
  if (is_left_out) return "";
  // The bytes so far may turn out to be broken: only what follows a run of them settles it.
  if (IsByteToken(token)) return "";
  std::string text = tokenizer_->Decode(ids_, skip_special_tokens_);
  // The end may be the beginning of a character.
  size_t final_size = text.size();
  if (text.ends_with(kReplacement)) final_size -= kReplacement.size();
  if (final_size <= written_) return "";
  std::string piece = text.substr(written_, final_size - written_);
  written_ = final_size;
  if (final_size == text.size()) Settle(text.size());
  return piece;
}

// Ids far back no longer change what the new ones mean: two stretches of text are kept, the older
// one for what a decoder does to the beginning of a text.
void StreamDecoder::Settle(size_t size) {
  constexpr size_t kLongEnough = 16;
  if (ids_.size() < kLongEnough) return;
  if (settled_ == 0) {
    settled_ = ids_.size();
    return;
  }
  if (ids_.size() < 2 * settled_) return;
  std::vector<TokenId> tail(ids_.begin() + static_cast<ptrdiff_t>(settled_), ids_.end());
  const std::string text = tokenizer_->Decode(tail, skip_special_tokens_);
  // Nothing visible in it yet: its beginning could still be stripped.
  if (text.find_first_not_of(" \t\r\n") == std::string::npos || text.size() > size) return;
  settled_ = tail.size();
  ids_ = std::move(tail);
  written_ = text.size();
}

std::string StreamDecoder::Finish() {
  const std::string text = tokenizer_->Decode(ids_, skip_special_tokens_);
  std::string rest = written_ < text.size() ? text.substr(written_) : std::string();
  ids_.clear();
  written_ = 0;
  settled_ = 0;
  return rest;
}

}  // namespace dear
