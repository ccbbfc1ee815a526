#include "text/pipeline_presets.h"

#include "base/json.h"

namespace dear {
namespace {

constexpr std::string_view kNfc = R"({"type": "NFC"})";

constexpr std::string_view kGpt2Split =
    R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": true})";
constexpr std::string_view kDigitsThenGpt2 =
    R"({"type": "Sequence", "pretokenizers": [
      {"type": "Digits", "individual_digits": true},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}]})";
constexpr std::string_view kLlama3Split =
    R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})";
constexpr std::string_view kQwen2Split =
    R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})";

constexpr GgufPreset kPresets[] = {
    {.name = "gpt-2", .normalizer = "", .pre_tokenizer = kGpt2Split},
    {.name = "smollm", .normalizer = "", .pre_tokenizer = kDigitsThenGpt2},
    {.name = "llama-bpe",
     .normalizer = "",
     .pre_tokenizer = kLlama3Split,
     .ignore_merges = true,
     .add_bos = true},
    {.name = "llama3",
     .normalizer = "",
     .pre_tokenizer = kLlama3Split,
     .ignore_merges = true,
     .add_bos = true},
    {.name = "qwen2", .normalizer = kNfc, .pre_tokenizer = kQwen2Split},
};

}  // namespace

std::unique_ptr<const Normalizer> GgufPreset::MakeNormalizer() const {
  if (normalizer.empty()) return nullptr;
  const std::string context = "pre-tokenizer " + std::string(name);
  return ParseNormalizer(ParseJson(normalizer, context), context);
}

std::unique_ptr<const PreTokenizer> GgufPreset::MakePreTokenizer() const {
  const std::string context = "pre-tokenizer " + std::string(name);
  return ParsePreTokenizer(ParseJson(pre_tokenizer, context), /*words_as_bytes=*/true, context);
}

const GgufPreset* FindGgufPreset(std::string_view name) {
  for (const GgufPreset& preset : kPresets) {
    if (preset.name == name) return &preset;
  }
  return nullptr;
}

std::string GgufPresetNames() {
  std::string out;
  for (const GgufPreset& preset : kPresets) {
    out.append(out.empty() ? "" : ", ").append(preset.name);
  }
  return out;
}

std::unique_ptr<const Decoder> MakeByteLevelDecoder() {
  return ParseDecoder(Json{{"type", "ByteLevel"}}, "decoder");
}

}  // namespace dear
