#include "text/tokenizer_config.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/json.h"

namespace dear {
namespace {

// A token as its text, or as an object with flags.
AddedToken ParseToken(const Json& value, bool special, const std::string& context) {
  AddedToken token;
  token.special = special;
  token.normalized = !special;
  if (value.is_string()) {
    token.content = value.get<std::string>();
    return token;
  }
  const JsonFields fields(value, context);
  token.content = fields.RequireString("content");
  token.special = special || fields.Bool("special", false);
  token.normalized = fields.Bool("normalized", !token.special);
  token.lstrip = fields.Bool("lstrip", false);
  token.rstrip = fields.Bool("rstrip", false);
  token.single_word = fields.Bool("single_word", false);
  return token;
}

// One template, or a list of named ones of which "default" is taken.
std::string ChatTemplate(const JsonFields& config) {
  const Json* value = config.Find("chat_template");
  if (value == nullptr) return "";
  if (value->is_string()) return value->get<std::string>();
  if (!value->is_array()) config.Fail("chat_template", "expected text or a list of templates");
  for (const Json& item : *value) {
    const JsonFields named(item, config.context() + ": chat_template");
    if (named.String("name") == "default") return named.String("template", "");
  }
  return "";
}

constexpr std::array<const char*, TokenizerConfig::kNumNames> kNames = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

class ConfigReader {
 public:
  explicit ConfigReader(std::string origin) : origin_(std::move(origin)) {}

  TokenizerConfig Read(const TokenizerConfigFiles& files) {
    const Json config_json = Parse(files.config, "tokenizer_config.json");
    const JsonFields config(config_json, origin_ + ": tokenizer_config.json");
    ReadClass(config);
    ReadNamedTokens(config);
    ReadExtraTokens(config, "extra_special_tokens");
    if (out_.extra_special_tokens.empty()) ReadExtraTokens(config, "additional_special_tokens");
    if (const Json* decoder = config.Find("added_tokens_decoder")) {
      ReadDecoder(config, *decoder);
    } else {
      ReadSpecialTokensMap(files.special_tokens_map);
      ReadAddedTokens(files.added_tokens);
    }
    if (config.Bool("split_special_tokens", false)) {
      throw Error(ErrorCode::kUnsupported, config.context(),
                  "field 'split_special_tokens': true is not supported");
    }
    out_.add_bos_token = config.Bool("add_bos_token");
    out_.add_eos_token = config.Bool("add_eos_token");
    out_.add_prefix_space = config.Bool("add_prefix_space");
    out_.legacy = config.Bool("legacy");
    out_.chat_template = ChatTemplate(config);

    // A token with a name is special whatever its entry says.
    for (auto& [id, token] : out_.added_tokens) token.special |= IsNamed(token.content);
    std::stable_sort(out_.added_tokens.begin(), out_.added_tokens.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    return std::move(out_);
  }

 private:
  Json Parse(const std::string& text, const char* name) const {
    return text.empty() ? Json::object() : ParseJson(text, origin_ + ": " + name);
  }

  // LlamaTokenizer, GemmaTokenizer: defaults of their constructors.
  void ReadClass(const JsonFields& config) {
    std::string name = config.String("tokenizer_class", "");
    if (name.ends_with("Fast")) name.resize(name.size() - 4);
    std::array<std::string, TokenizerConfig::kNumNames>& tokens = out_.class_tokens;
    if (name == "LlamaTokenizer") {
      tokens = {"<s>", "</s>", "<unk>"};
    } else if (name == "GemmaTokenizer") {
      tokens = {"<bos>", "<eos>", "<unk>", "", "<pad>", "", "<mask>"};
    }
    for (size_t i = 0; i < kNames.size(); ++i) {
      if (config.Has(kNames[i]) || config.IsNull(kNames[i])) tokens[i].clear();
    }
  }

  // Absent says nothing, null takes back what another file said.
  void ReadNamedTokens(const JsonFields& fields) {
    for (size_t i = 0; i < kNames.size(); ++i) {
      if (fields.IsNull(kNames[i])) out_.named[i].reset();
      const Json* value = fields.Find(kNames[i]);
      if (value == nullptr) continue;
      if (!value->is_string() && !value->is_object()) fields.Fail(kNames[i], "expected a token");
      out_.named[i] = ParseToken(*value, /*special=*/true, fields.context());
    }
  }

  bool IsNamed(const std::string& content) const {
    return std::any_of(out_.named.begin(), out_.named.end(),
                       [&](const auto& token) { return token && token->content == content; });
  }

  // A list of tokens, or an object of named ones.
  void ReadExtraTokens(const JsonFields& fields, const char* key) {
    const Json* value = fields.Find(key);
    if (value == nullptr) return;
    if (!value->is_array() && !value->is_object()) fields.Fail(key, "expected a list of tokens");
    for (const Json& item : *value) {
      if (!item.is_string() && !item.is_object()) fields.Fail(key, "expected a list of tokens");
      out_.extra_special_tokens.push_back(
          ParseToken(item, /*special=*/true, fields.context() + ": " + key));
    }
  }

  // {"32000": {"content": …, flags}, …}
  void ReadDecoder(const JsonFields& config, const Json& decoder) {
    constexpr const char* kField = "added_tokens_decoder";
    if (!decoder.is_object()) config.Fail(kField, "expected an object");
    for (const auto& [key, value] : decoder.items()) {
      int64_t id = 0;
      const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
      if (error != std::errc() || end != key.data() + key.size() || id < 0)
        config.Fail(kField, "'" + key + "' is no token id");
      if (!value.is_object()) config.Fail(kField, "token " + key + " is no object");
      out_.added_tokens.emplace_back(
          id, ParseToken(value, /*special=*/false, config.context() + ": " + kField));
    }
  }

  void ReadSpecialTokensMap(const std::string& text) {
    const Json json = Parse(text, "special_tokens_map.json");
    const JsonFields map(json, origin_ + ": special_tokens_map.json");
    ReadNamedTokens(map);
    if (out_.extra_special_tokens.empty()) ReadExtraTokens(map, "additional_special_tokens");
    ReadExtraTokens(map, "extra_special_tokens");
  }

  // {"<pad>": 32000, …}
  void ReadAddedTokens(const std::string& text) {
    const Json json = Parse(text, "added_tokens.json");
    const JsonFields fields(json, origin_ + ": added_tokens.json");
    out_.tokenizer_json_goes_first = true;
    for (const auto& [content, id] : json.items()) {
      if (!id.is_number_integer()) fields.Fail(content.c_str(), "expected a token id");
      const auto& extra = out_.extra_special_tokens;
      const bool special = IsNamed(content) || std::any_of(extra.begin(), extra.end(),
                                                           [&, &name = content](const auto& t) {
                                                             return t.content == name;
                                                           });
      AddedToken token;
      token.content = content;
      token.special = special;
      token.normalized = !special;
      out_.added_tokens.emplace_back(id.get<int64_t>(), std::move(token));
    }
  }

  std::string origin_;
  TokenizerConfig out_;
};

}  // namespace

TokenizerConfig ParseTokenizerConfig(const TokenizerConfigFiles& files, const std::string& origin) {
  return ConfigReader(origin).Read(files);
}

TokenizerConfig WithoutNormalized(TokenizerConfig config) {
  for (auto& token : config.named) {
    if (token) token->normalized = false;
  }
  for (AddedToken& token : config.extra_special_tokens) token.normalized = false;
  for (auto& [id, token] : config.added_tokens) token.normalized = false;
  return config;
}

void AddConfiguredTokens(const TokenizerConfig& config, PipelineParts& parts,
                         const std::string& origin) {
  AddedTokens& added = parts.added_tokens;
  const Vocab& vocab = parts.model->vocab();
  const std::string context = origin + ": tokenizer_config.json";
  // Those of the tokenizer itself, before any is added here.
  const auto has_id = [&, end = added.end_id()](int64_t id) {
    return id < end && added.Find(static_cast<TokenId>(id)) != nullptr;
  };
  for (const auto& [id, token] : config.added_tokens) {
    if (config.tokenizer_json_goes_first && has_id(id)) continue;
    if (!added.HasJust(token)) added.Add(token, vocab, context);
  }
  const auto add = [&](const AddedToken& token) {
    if (!added.IdOf(token.content)) added.Add(token, vocab, context);
  };
  // An added token of the file stays as the file has it.
  const auto add_known = [&](const std::string& content) {
    if (added.IdOf(content)) return true;
    if (!vocab.Find(content)) return false;
    AddedToken token;
    token.content = content;
    token.special = true;
    token.normalized = false;
    added.Add(token, vocab, context);
    return true;
  };
  using Config = TokenizerConfig;
  const std::pair<Config::Name, std::optional<std::string>*> named[] = {
      {Config::kBos, &parts.bos_token},
      {Config::kEos, &parts.eos_token},
      {Config::kPad, &parts.pad_token}};
  for (const auto& [name, token] : named) {
    if (config.named[name]) *token = config.named[name]->content;
  }
  for (size_t i = 0; i < Config::kNumNames; ++i) {
    if (config.named[i]) add(*config.named[i]);
    if (config.named[i] || config.class_tokens[i].empty() || !add_known(config.class_tokens[i]))
      continue;
    for (const auto& [name, token] : named) {
      if (name == static_cast<Config::Name>(i)) *token = config.class_tokens[i];
    }
  }
  for (const AddedToken& token : config.extra_special_tokens) add(token);
  if (!config.chat_template.empty()) parts.chat_template = config.chat_template;
}

}  // namespace dear
