#include "api/gguf_vocabulary.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "text/pipeline_presets.h"

namespace dear {
namespace fs = std::filesystem;
namespace {

// tokenizer.ggml.token_type
enum TokenType : int32_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

class VocabularyWriter {
 public:
  VocabularyWriter(const fs::path& folder, const Tokenizer& tokenizer, const ModelConfig& config,
                   GgufWriter& writer)
      : path_((folder / "tokenizer.json").string()),
        json_(ReadJsonFile(folder / "tokenizer.json")),
        tokenizer_(tokenizer),
        config_(config),
        writer_(writer) {}

  void Write() {
    const Json& model = json_["model"];
    // Old files leave the type out.
    if (!model.is_object() || model.value("type", "BPE") != "BPE" || !model.contains("merges"))
      Refuse("a tokenizer that is not BPE");
    CollectTokens();
    if (model.value("byte_fallback", false)) {
      WriteLlama(model["merges"]);
    } else {
      WriteByteLevel(model["merges"]);
    }
    writer_.SetStrings("tokenizer.ggml.tokens", tokens_);
    writer_.SetI32s("tokenizer.ggml.token_type", types_);
    WriteSpecialIds();
    if (!tokenizer_.chat_template().empty())
      writer_.SetString("tokenizer.chat_template", tokenizer_.chat_template());
  }

 private:
  [[noreturn]] void Refuse(const std::string& what) const {
    throw Error(ErrorCode::kUnsupported, path_,
                what + " cannot be written as GGUF; write a folder");
  }

  void CollectTokens() {
    for (int64_t id = 0; id < config_.vocab_size; ++id) {
      auto token = tokenizer_.IdToToken(static_cast<TokenId>(id));
      tokens_.push_back(token.value_or("[PAD" + std::to_string(id) + "]"));
      types_.push_back(token ? kNormal : kUnused);
    }
    if (!json_.contains("added_tokens") || !json_["added_tokens"].is_array()) return;
    for (const Json& added : json_["added_tokens"]) {
      const int64_t id = JsonFields(added, path_ + ": added_tokens").RequireInt("id");
      if (id < 0 || id >= config_.vocab_size) continue;
      types_[static_cast<size_t>(id)] = added.value("special", false) ? kControl : kUserDefined;
    }
  }

  // Two tokens of a merge, in either spelling of the file.
  std::pair<std::string, std::string> Pair(const Json& merge) const {
    if (merge.is_array() && merge.size() == 2)
      return {merge[0].get<std::string>(), merge[1].get<std::string>()};
    const std::string text = merge.get<std::string>();
    const size_t space = text.find(' ');
    return {text.substr(0, space), text.substr(space + 1)};
  }

  void WriteByteLevel(const Json& merges) {
    const std::string pre = PresetName();
    if (pre.empty()) Refuse("its pre-tokenizer, for which GGUF has no name,");
    std::vector<std::string> lines;
    for (const Json& merge : merges) {
      const auto [left, right] = Pair(merge);
      lines.push_back(left + " " + right);
    }
    writer_.SetString("tokenizer.ggml.model", "gpt2");
    writer_.SetString("tokenizer.ggml.pre", pre);
    writer_.SetStrings("tokenizer.ggml.merges", lines);
  }

  // The name whose parts are those of the file.
  std::string PresetName() const {
    for (const GgufPreset& preset : GgufPresets()) {
      if (preset.ignore_merges == json_["model"].value("ignore_merges", false) &&
          Same(preset.normalizer, "normalizer") && Same(preset.pre_tokenizer, "pre_tokenizer")) {
        return std::string(preset.name);
      }
    }
    return "";
  }

  // Compares what changes ids: patterns, digits, and whether ByteLevel splits. Files differ in
  // fields that do not.
  bool Same(std::string_view preset, const char* field) const {
    const Json step = preset.empty() ? Json() : ParseJson(preset, "preset");
    return Essence(step) == Essence(json_.contains(field) ? json_[field] : Json());
  }
  static std::vector<std::string> Essence(const Json& step) {
    std::vector<std::string> out;
    const std::string type = step.is_object() ? step.value("type", "") : "";
    if (type == "Sequence") {
      for (const char* list : {"pretokenizers", "normalizers"}) {
        if (!step.contains(list)) continue;
        for (const Json& part : step[list])
          for (std::string& essence : Essence(part)) out.push_back(std::move(essence));
      }
    } else if (type == "Split") {
      out.push_back("split " + step["pattern"].dump() + step.value("behavior", "") +
                    (step.value("invert", false) ? "!" : ""));
    } else if (type == "Digits") {
      out.push_back(step.value("individual_digits", false) ? "digits" : "numbers");
    } else if (type == "ByteLevel") {
      out.push_back(step.value("use_regex", true) ? "bytes split" : "bytes");
      if (step.value("add_prefix_space", true)) out.push_back("prefix");
    } else if (!type.empty()) {
      out.push_back(type == "Punctuation" ? type + step.value("behavior", "Isolated") : type);
    }
    return out;
  }

  // llama.cpp joins the two pieces whose union has the highest score; the rank of the merge gives
  // it.
  void WriteLlama(const Json& merges) {
    std::unordered_map<std::string, float> scores;
    std::unordered_map<std::string, size_t> num_ways;
    float rank = 0;
    for (const Json& merge : merges) {
      const auto [left, right] = Pair(merge);
      scores.emplace(left + right, -rank);
      ++num_ways[left + right];
      ++rank;
    }
    for (const auto& [token, count] : num_ways) {
      if (count != NumWays(token)) Refuse("merges that do not follow from scores of tokens,");
    }
    std::vector<float> all;
    for (size_t id = 0; id < tokens_.size(); ++id) {
      const auto found = scores.find(tokens_[id]);
      all.push_back(found != scores.end() ? found->second : -rank - static_cast<float>(id));
      const std::string& token = tokens_[id];
      if (token.size() == 6 && token.starts_with("<0x") && token.ends_with(">")) types_[id] = kByte;
      if (Json(token) == json_["model"].value("unk_token", Json())) types_[id] = kUnknown;
    }
    writer_.SetString("tokenizer.ggml.model", "llama");
    writer_.SetString("tokenizer.ggml.pre", "default");
    writer_.SetF32s("tokenizer.ggml.scores", all);
    writer_.SetBool("tokenizer.ggml.add_space_prefix", PutsSpaceInFront());
  }

  // How many times `token` is two tokens put together: each is a merge to readers of scores.
  size_t NumWays(const std::string& token) const {
    size_t count = 0;
    for (size_t cut = 1; cut < token.size(); ++cut) {
      if ((static_cast<uint8_t>(token[cut]) & 0xC0) == 0x80) continue;
      if (tokenizer_.TokenToId(token.substr(0, cut)) && tokenizer_.TokenToId(token.substr(cut)))
        ++count;
    }
    return count;
  }

  bool PutsSpaceInFront() const {
    const auto plain = tokenizer_.Encode("a", {.add_special_tokens = false}).ids;
    const auto first = plain.empty() ? std::nullopt : tokenizer_.IdToToken(plain.front());
    return first && first->starts_with("▁");
  }

  void WriteSpecialIds() {
    const auto set = [this](const char* key, std::optional<int64_t> id) {
      if (id && *id >= 0 && *id < config_.vocab_size)
        writer_.SetU32(std::string("tokenizer.ggml.") + key, static_cast<uint32_t>(*id));
    };
    const auto as_int = [](std::optional<TokenId> id) {
      return id ? std::optional<int64_t>(*id) : std::nullopt;
    };
    const auto bos = tokenizer_.bos_id() ? as_int(tokenizer_.bos_id()) : config_.bos_id;
    auto eos = as_int(tokenizer_.eos_id());
    std::vector<int64_t> ends = config_.eos_ids;
    if (!eos && !ends.empty()) eos = ends.front();
    set("bos_token_id", bos);
    set("eos_token_id", eos);
    set("padding_token_id", tokenizer_.pad_id() ? as_int(tokenizer_.pad_id()) : config_.pad_id);
    std::erase(ends, eos.value_or(-1));
    if (!ends.empty()) set("eot_token_id", ends[0]);
    if (ends.size() > 1) set("eom_token_id", ends[1]);
    const auto ids = tokenizer_.Encode("a").ids;
    writer_.SetBool("tokenizer.ggml.add_bos_token", !ids.empty() && bos && ids.front() == *bos);
    writer_.SetBool("tokenizer.ggml.add_eos_token", ids.size() > 1 && eos && ids.back() == *eos);
  }

  std::string path_;
  Json json_;
  const Tokenizer& tokenizer_;
  const ModelConfig& config_;
  GgufWriter& writer_;
  std::vector<std::string> tokens_;
  std::vector<int32_t> types_;
};

}  // namespace

void SetGgufVocabulary(const fs::path& folder, const Tokenizer& tokenizer,
                       const ModelConfig& config, GgufWriter& writer) {
  if (!fs::exists(folder / "tokenizer.json")) {
    throw Error(ErrorCode::kUnsupported, folder.string(),
                "has no tokenizer.json, from which a GGUF vocabulary is made; write a folder");
  }
  VocabularyWriter(folder, tokenizer, config, writer).Write();
}

}  // namespace dear
