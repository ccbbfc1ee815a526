#include <set>
#include <string>
#include <utility>

#include "base/error.h"
#include "text/pipeline.h"
#include "text/tokenizer.h"
#include "text/tokenizer_config.h"
#include "text/tokenizer_files.h"
#include "text/tokenizer_json_reader.h"

namespace dear {
namespace {

// Every field of an object must be one that is read here: what is not known may change ids.
void RefuseOtherFields(const Json& object, const std::set<std::string>& known,
                       const std::string& context) {
  for (const auto& [key, value] : object.items()) {
    if (known.count(key) == 0 && !value.is_null()) {
      throw Error(ErrorCode::kUnsupported, context, "field '" + key + "' is not known");
    }
  }
}

std::unique_ptr<BpeModel> ReadModel(TokenizerJson& json, const std::string& origin) {
  const JsonFields root(json.document, origin);
  const Json* model = root.Find("model");
  if (model == nullptr) root.Fail("model", "missing");
  const std::string context = origin + ": model";
  const JsonFields fields(*model, context);
  // Old files leave the type out; merges tell that it is BPE.
  const std::string type = fields.String("type", json.has_merges ? "BPE" : "");
  if (type != "BPE") {
    throw Error(ErrorCode::kUnsupported, context,
                "field 'type': " + (type.empty() ? "missing" : "'" + type + "'") +
                    " (only BPE is supported)");
  }
  RefuseOtherFields(
      *model,
      {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
       "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"},
      context);
  if (!json.has_vocab) fields.Fail("vocab", "expected an object");
  if (!json.has_merges) fields.Fail("merges", "expected an array");
  if (fields.Number("dropout", 0.0) != 0.0) {
    throw Error(ErrorCode::kUnsupported, context, "field 'dropout': not 0, ids would be random");
  }
  BpeModel::Options options;
  options.unk_token = fields.String("unk_token");
  options.fuse_unk = fields.Bool("fuse_unk", false);
  options.byte_fallback = fields.Bool("byte_fallback", false);
  options.ignore_merges = fields.Bool("ignore_merges", false);
  options.continuing_subword_prefix = fields.String("continuing_subword_prefix", "");
  options.end_of_word_suffix = fields.String("end_of_word_suffix", "");
  return std::make_unique<BpeModel>(std::move(json.vocab), json.Merges(context), std::move(options),
                                    context);
}

AddedTokens ReadAddedTokens(const JsonFields& root, const Vocab& vocab) {
  AddedTokens added;
  const Json* list = root.Find("added_tokens");
  const std::string context = root.context() + ": added_tokens";
  if (list != nullptr) {
    if (!list->is_array()) root.Fail("added_tokens", "expected an array");
    for (const Json& item : *list) {
      const JsonFields fields(item, context);
      AddedToken token;
      token.content = fields.RequireString("content");
      token.special = fields.Bool("special", false);
      token.normalized = fields.Bool("normalized", !token.special);
      token.lstrip = fields.Bool("lstrip", false);
      token.rstrip = fields.Bool("rstrip", false);
      token.single_word = fields.Bool("single_word", false);
      added.Add(token, vocab, context);
    }
  }
  return added;
}

}  // namespace

std::shared_ptr<const Tokenizer> TokenizerFromJson(std::string_view text,
                                                   const TokenizerConfig& config,
                                                   const std::string& origin) {
  TokenizerJson json = ReadTokenizerJson(text, origin);
  const JsonFields root(json.document, origin);
  RefuseOtherFields(json.document,
                    {"version", "truncation", "padding", "added_tokens", "normalizer",
                     "pre_tokenizer", "post_processor", "decoder", "model"},
                    origin);
  PipelineParts parts;
  auto model = ReadModel(json, origin);
  if (const Json* part = root.Find("normalizer")) {
    parts.normalizer = ParseNormalizer(*part, origin + ": normalizer");
  }
  if (const Json* part = root.Find("pre_tokenizer")) {
    const std::string context = origin + ": pre_tokenizer";
    parts.pre_tokenizer = ParsePreTokenizer(*part, /*words_as_bytes=*/false, context);
    if (parts.pre_tokenizer->traits().ends_in_byte_level && model->UseBytes()) {
      parts.pre_tokenizer = ParsePreTokenizer(*part, /*words_as_bytes=*/true, context);
    }
  }
  if (const Json* part = root.Find("post_processor")) {
    parts.post_processor = ParsePostProcessor(*part, origin + ": post_processor");
  }
  if (const Json* part = root.Find("decoder")) {
    parts.decoder = ParseDecoder(*part, origin + ": decoder");
  }
  parts.added_tokens = ReadAddedTokens(root, model->vocab());
  parts.model = std::move(model);
  AddConfiguredTokens(config, parts, origin);
  parts.added_tokens.Build(parts.normalizer.get(), origin + ": added_tokens");
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

}  // namespace dear
