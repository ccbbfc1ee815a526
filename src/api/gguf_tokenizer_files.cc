#include "api/gguf_tokenizer_files.h"

#include <optional>
#include <utility>

#include "base/error.h"
#include "text/pipeline_presets.h"
#include "text/spm_model.h"

namespace dear {
namespace {

using Type = SpmVocabulary::Type;  // the numbers of tokenizer.ggml.token_type as well

OrderedJson AddedToken(const std::string& content, bool special) {
  return {{"content", content}, {"single_word", false}, {"lstrip", false},
          {"rstrip", false},    {"normalized", false},  {"special", special}};
}

OrderedJson OrNull(const std::optional<std::string>& text) {
  return text ? OrderedJson(*text) : OrderedJson(nullptr);
}

OrderedJson Parsed(std::string_view json) {
  return json.empty() ? OrderedJson(nullptr) : OrderedJson::parse(json);
}

// The presets leave out a field of ByteLevel that the tokenizers library insists on.
OrderedJson Complete(OrderedJson step) {
  if (step.contains("pretokenizers"))
    for (OrderedJson& part : step["pretokenizers"]) part = Complete(part);
  if (step.is_object() && step.value("type", "") == "ByteLevel") step["trim_offsets"] = true;
  return step;
}

// The vocabulary of one GGUF file, written as the files of a folder.
class FilesWriter {
 public:
  FilesWriter(const GgufFile& file, const Tokenizer& tokenizer)
      : file_(file), tokenizer_(tokenizer) {
    // What the tokenizer itself puts around a text counts, whatever the flags are.
    const auto ids = tokenizer.Encode("a").ids;
    adds_bos_ = tokenizer.bos_id() && ids.size() > 1 && ids.front() == *tokenizer.bos_id();
    adds_eos_ = tokenizer.eos_id() && ids.size() > 1 && ids.back() == *tokenizer.eos_id();
  }

  TokenizerFiles Write() const {
    const std::string kind = file_.String("tokenizer.ggml.model").value_or("");
    if (kind == "gpt2") return WriteByteLevel();
    if (kind == "llama") return WriteSentencePiece();
    Refuse("the vocabulary '" + kind + "'");
  }

 private:
  [[noreturn]] void Refuse(const std::string& what) const {
    throw Error(ErrorCode::kUnsupported, file_.origin(),
                what + " cannot be written into a folder; write a .gguf file");
  }

  std::optional<std::string> TokenOf(std::optional<TokenId> id) const {
    return id ? tokenizer_.IdToToken(*id) : std::nullopt;
  }

  // Fields that both kinds of tokenizer_config.json have.
  OrderedJson Config(const char* tokenizer_class) const {
    OrderedJson config = {{"tokenizer_class", tokenizer_class},
                          {"bos_token", OrNull(TokenOf(tokenizer_.bos_id()))},
                          {"eos_token", OrNull(TokenOf(tokenizer_.eos_id()))},
                          {"pad_token", OrNull(TokenOf(tokenizer_.pad_id()))},
                          {"clean_up_tokenization_spaces", false}};
    if (!tokenizer_.chat_template().empty()) config["chat_template"] = tokenizer_.chat_template();
    return config;
  }

  TokenizerFiles WriteByteLevel() const {
    const auto* tokens = file_.Strings("tokenizer.ggml.tokens");
    const auto* merges = file_.Strings("tokenizer.ggml.merges");
    const auto* types = file_.Ints("tokenizer.ggml.token_type");
    const GgufPreset* preset = FindGgufPreset(file_.String("tokenizer.ggml.pre").value_or(""));
    if (tokens == nullptr || merges == nullptr || preset == nullptr)
      Refuse("a byte-level vocabulary without its merges or a known pre-tokenizer");
    OrderedJson vocab = OrderedJson::object();
    OrderedJson added = OrderedJson::array();
    for (size_t id = 0; id < tokens->size(); ++id) {
      const auto type = types != nullptr ? static_cast<Type>((*types)[id]) : Type::kNormal;
      const std::string& token = (*tokens)[id];
      if (type == Type::kControl || type == Type::kUserDefined) {
        OrderedJson entry = {{"id", id}};
        entry.update(AddedToken(token, type == Type::kControl));
        added.push_back(std::move(entry));
      }
      // Of two tokens with one text the first is the one that text leads to.
      if (!vocab.contains(token)) vocab[token] = id;
    }
    TokenizerFiles out;
    out.tokenizer = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added},
                     {"normalizer", Parsed(preset->normalizer)},
                     {"pre_tokenizer", Complete(Parsed(preset->pre_tokenizer))},
                     {"post_processor", PostProcessor()},
                     {"decoder",
                      {{"type", "ByteLevel"},
                       {"add_prefix_space", true},
                       {"trim_offsets", true},
                       {"use_regex", true}}},
                     {"model",
                      {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", nullptr},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"byte_fallback", false},
                       {"ignore_merges", preset->ignore_merges},
                       {"vocab", vocab},
                       {"merges", *merges}}}};
    out.config = Config("PreTrainedTokenizerFast");
    out.config["add_prefix_space"] = false;
    return out;
  }

  // BOS and EOS around a text, and around each of a pair.
  OrderedJson PostProcessor() const {
    if (!adds_bos_ && !adds_eos_) return nullptr;
    OrderedJson single = OrderedJson::array();
    OrderedJson pair = OrderedJson::array();
    OrderedJson special_tokens = OrderedJson::object();
    for (const int type : {0, 1}) {
      const auto add_special = [&](bool wanted, std::optional<TokenId> id) {
        if (!wanted) return;
        const std::string token = TokenOf(id).value_or("");
        pair.push_back({{"SpecialToken", {{"id", token}, {"type_id", type}}}});
        special_tokens[token] = {{"id", token}, {"ids", {*id}}, {"tokens", {token}}};
      };
      add_special(adds_bos_, tokenizer_.bos_id());
      pair.push_back({{"Sequence", {{"id", type == 0 ? "A" : "B"}, {"type_id", type}}}});
      add_special(adds_eos_, tokenizer_.eos_id());
      if (type == 0) single = pair;
    }
    return {{"type", "TemplateProcessing"},
            {"single", single},
            {"pair", pair},
            {"special_tokens", special_tokens}};
  }

  TokenizerFiles WriteSentencePiece() const {
    SpmVocabulary vocabulary = SpmVocabularyOf(file_);
    TokenizerFiles out;
    out.config = Config("LlamaTokenizer");
    out.config["add_bos_token"] = adds_bos_;
    out.config["add_eos_token"] = adds_eos_;
    out.config["add_prefix_space"] = vocabulary.prefix != SpmVocabulary::Prefix::kNever;
    // The space in front stands before every stretch between special tokens.
    out.config["legacy"] = true;
    OrderedJson added = OrderedJson::object();
    for (size_t id = 0; id < vocabulary.pieces.size(); ++id) {
      SpmVocabulary::Piece& piece = vocabulary.pieces[id];
      if (piece.type == Type::kUnknown) out.config["unk_token"] = piece.text;
      const bool special = piece.type == Type::kControl || piece.type == Type::kUnknown;
      if (!special && piece.type != Type::kUserDefined) continue;
      added[std::to_string(id)] = AddedToken(piece.text, special);
      // Cut out of the text by the configuration above, before the model sees it. SentencePiece
      // looks for its own user-defined pieces behind the space that it puts in front.
      if (piece.type == Type::kUserDefined) piece.type = Type::kNormal;
    }
    out.config["added_tokens_decoder"] = std::move(added);
    out.model = SerializeSentencePieceBpe(vocabulary);
    return out;
  }

  const GgufFile& file_;
  const Tokenizer& tokenizer_;
  bool adds_bos_ = false;
  bool adds_eos_ = false;
};

}  // namespace

TokenizerFiles TokenizerFilesOf(const GgufFile& file, const Tokenizer& tokenizer) {
  return FilesWriter(file, tokenizer).Write();
}

}  // namespace dear
