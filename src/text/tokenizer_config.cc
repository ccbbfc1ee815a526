#include "text/tokenizer_config.h"

#include "base/error.h"
#include "base/json.h"

namespace dear {
namespace {

// A special token in tokenizer_config.json: its text, or an object that has it.
std::optional<std::string> TokenText(const JsonFields& config, const char* key) {
  const Json* value = config.Find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  if (value->is_object()) return JsonFields(*value, config.context()).String("content");
  config.Fail(key, "expected a token");
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

// A list of tokens, or an object of named ones.
void ReadExtraTokens(const JsonFields& config, const char* key, std::vector<std::string>& out) {
  const Json* value = config.Find(key);
  if (value == nullptr) return;
  if (!value->is_array() && !value->is_object()) config.Fail(key, "expected a list of tokens");
  for (const Json& item : *value) {
    if (item.is_string()) {
      out.push_back(item.get<std::string>());
    } else if (item.is_object()) {
      if (const auto text = JsonFields(item, config.context()).String("content"))
        out.push_back(*text);
    }
  }
}

}  // namespace

TokenizerConfig ParseTokenizerConfig(std::string_view json, const std::string& origin) {
  TokenizerConfig out;
  if (json.empty()) return out;
  const std::string context = origin + ": tokenizer_config.json";
  const Json document = ParseJson(json, context);
  const JsonFields config(document, context);
  out.bos_token = TokenText(config, "bos_token");
  out.eos_token = TokenText(config, "eos_token");
  out.pad_token = TokenText(config, "pad_token");
  out.unk_token = TokenText(config, "unk_token");
  ReadExtraTokens(config, "additional_special_tokens", out.extra_special_tokens);
  ReadExtraTokens(config, "extra_special_tokens", out.extra_special_tokens);
  out.add_bos_token = config.Bool("add_bos_token");
  out.add_eos_token = config.Bool("add_eos_token");
  out.add_prefix_space = config.Bool("add_prefix_space");
  out.legacy = config.Bool("legacy");
  out.chat_template = ChatTemplate(config);
  return out;
}

void AddConfiguredTokens(const TokenizerConfig& config, PipelineParts& parts,
                         const std::string& origin) {
  const auto add = [&](const std::string& content) {
    if (parts.added_tokens.IdOf(content)) return;
    AddedToken token;
    token.content = content;
    token.special = true;
    token.normalized = false;
    parts.added_tokens.Add(token, parts.model->vocab(), origin + ": tokenizer_config.json");
  };
  for (const auto* token :
       {&config.bos_token, &config.eos_token, &config.unk_token, &config.pad_token}) {
    if (*token) add(**token);
  }
  for (const std::string& token : config.extra_special_tokens) add(token);
  if (config.bos_token) parts.bos_token = config.bos_token;
  if (config.eos_token) parts.eos_token = config.eos_token;
  if (config.pad_token) parts.pad_token = config.pad_token;
  if (!config.chat_template.empty()) parts.chat_template = config.chat_template;
}

}  // namespace dear
