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
constexpr std::string_view kQwen35Split =
    R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})";
constexpr std::string_view kTekkenSplit =
    R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})";
constexpr std::string_view kGpt4oSplit =
    R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})";
// Here the bytes are mapped before the numbers are cut.
constexpr std::string_view kFalconSplit =
    R"({"type": "Sequence", "pretokenizers": [
      {"type": "Punctuation", "behavior": "Contiguous"},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
      {"type": "Digits", "individual_digits": false},
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "[0-9][0-9][0-9]"}}]})";
// What llama.cpp does with a vocabulary whose pre-tokenizer is named "default".
constexpr std::string_view kDefaultSplit =
    R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "[\\p{P}\\$\\+<=>\\^~\\|]+"}},
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"}},
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "\\p{N}+"}},
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "[0-9][0-9][0-9]"}},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})";
constexpr std::string_view kDeepSeekLlmSplit =
    R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "[\\r\\n]"}},
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "\\s?[A-Za-z\\x{B5}\\x{C0}-\\x{D6}\\x{D8}-\\x{F6}\\x{F8}-\\x{1BA}\\x{1BC}-\\x{1BF}\\x{1C4}-\\x{293}\\x{295}-\\x{2AF}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37B}-\\x{37D}\\x{37F}\\x{386}\\x{388}-\\x{38A}\\x{38C}\\x{38E}-\\x{3A1}\\x{3A3}-\\x{3F5}\\x{3F7}-\\x{481}\\x{48A}-\\x{52F}\\x{531}-\\x{556}\\x{10A0}-\\x{10C5}\\x{13A0}-\\x{13F5}\\x{13F8}-\\x{13FD}\\x{1C90}-\\x{1CBA}\\x{1CBD}-\\x{1CBF}\\x{1D00}-\\x{1D2B}\\x{1D6B}-\\x{1D77}\\x{1D79}-\\x{1D9A}\\x{1E00}-\\x{1F15}\\x{1F18}-\\x{1F1D}\\x{1F20}-\\x{1F45}\\x{1F48}-\\x{1F4D}\\x{1F50}-\\x{1F57}\\x{1F59}\\x{1F5B}\\x{1F5D}\\x{1F5F}-\\x{1F7D}\\x{1F80}-\\x{1FB4}\\x{1FB6}-\\x{1FBC}\\x{1FBE}\\x{1FC2}-\\x{1FC4}\\x{1FC6}-\\x{1FCC}\\x{1FD0}-\\x{1FD3}\\x{1FD6}-\\x{1FDB}\\x{1FE0}-\\x{1FEC}\\x{1FF2}-\\x{1FF4}\\x{1FF6}-\\x{1FFC}\\x{2102}\\x{2107}\\x{210A}-\\x{2113}\\x{2115}\\x{2119}-\\x{211D}\\x{2124}\\x{2126}\\x{2128}\\x{212A}-\\x{212D}\\x{212F}-\\x{2134}\\x{2139}\\x{213C}-\\x{213F}\\x{2145}-\\x{2149}\\x{214E}\\x{2183}\\x{2184}\\x{2C00}-\\x{2C7B}\\x{2C7E}-\\x{2CE4}\\x{2CEB}-\\x{2CEE}\\x{2CF2}\\x{2CF3}\\x{A640}-\\x{A66D}\\x{A680}-\\x{A69B}\\x{A722}-\\x{A76F}\\x{A771}-\\x{A787}\\x{A78B}-\\x{A78E}\\x{AB70}-\\x{ABBF}\\x{FB00}-\\x{FB06}\\x{FB13}-\\x{FB17}\\x{FF21}-\\x{FF3A}\\x{FF41}-\\x{FF5A}\\x{10400}-\\x{1044F}\\x{104B0}-\\x{104D3}\\x{104D8}-\\x{104FB}\\x{10C80}-\\x{10CB2}\\x{10CC0}-\\x{10CF2}\\x{118A0}-\\x{118DF}\\x{1E900}-\\x{1E943}]+"}},
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "\\s?[!-/:-~\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF5E}\\x{2018}-\\x{201F}\\x{3000}-\\x{3002}]+"}},
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "\\s+$"}},
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "[\\x{4E00}-\\x{9FA5}\\x{800}-\\x{4E00}\\x{AC00}-\\x{D7FF}]+"}},
      {"type": "Digits", "individual_digits": false},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})";
constexpr std::string_view kDeepSeekCoderSplit =
    R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "[\\r\\n]"}},
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "\\s?\\p{L}+"}},
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "\\s?\\p{P}+"}},
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "[\\x{4E00}-\\x{9FA5}\\x{800}-\\x{4E00}\\x{AC00}-\\x{D7FF}]+"}},
      {"type": "Digits", "individual_digits": true},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})";
constexpr std::string_view kDeepSeekV3Split =
    R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "\\p{N}{1,3}"}},
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+"}},
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})";

// The name first that a tokenizer is best written with. Several names stand for one way to cut:
// they were given model by model.
constexpr GgufPreset kPresets[] = {
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
    {.name = "llama-v3",
     .normalizer = "",
     .pre_tokenizer = kLlama3Split,
     .ignore_merges = true,
     .add_bos = true},
    {.name = "qwen2", .normalizer = kNfc, .pre_tokenizer = kQwen2Split},
    {.name = "deepseek-r1-qwen", .normalizer = "", .pre_tokenizer = kQwen2Split},
    {.name = "qwen35", .normalizer = kNfc, .pre_tokenizer = kQwen35Split},
    {.name = "smollm", .normalizer = "", .pre_tokenizer = kDigitsThenGpt2},
    {.name = "starcoder", .normalizer = "", .pre_tokenizer = kDigitsThenGpt2},
    {.name = "refact", .normalizer = "", .pre_tokenizer = kDigitsThenGpt2},
    {.name = "command-r", .normalizer = kNfc, .pre_tokenizer = kDigitsThenGpt2},
    {.name = "gpt-2", .normalizer = "", .pre_tokenizer = kGpt2Split},
    {.name = "phi-2", .normalizer = "", .pre_tokenizer = kGpt2Split},
    {.name = "olmo", .normalizer = kNfc, .pre_tokenizer = kGpt2Split},
    {.name = "mpt", .normalizer = kNfc, .pre_tokenizer = kGpt2Split},
    {.name = "dbrx", .normalizer = "", .pre_tokenizer = kLlama3Split},
    {.name = "smaug-bpe", .normalizer = "", .pre_tokenizer = kLlama3Split},
    {.name = "tekken",
     .normalizer = "",
     .pre_tokenizer = kTekkenSplit,
     .ignore_merges = true,
     .add_bos = true},
    {.name = "gpt-4o", .normalizer = "", .pre_tokenizer = kGpt4oSplit},
    {.name = "llama4", .normalizer = "", .pre_tokenizer = kGpt4oSplit},
    {.name = "falcon", .normalizer = "", .pre_tokenizer = kFalconSplit},
    {.name = "deepseek-llm", .normalizer = "", .pre_tokenizer = kDeepSeekLlmSplit},
    {.name = "deepseek-coder", .normalizer = "", .pre_tokenizer = kDeepSeekCoderSplit},
    {.name = "deepseek-v3", .normalizer = "", .pre_tokenizer = kDeepSeekV3Split},
    {.name = "default", .normalizer = "", .pre_tokenizer = kDefaultSplit},
};

}  // namespace

std::unique_ptr<const Normalizer> GgufPreset::MakeNormalizer() const {
  if (normalizer.empty()) return nullptr;
  const std::string context = "pre-tokenizer " + std::string(name);
  return ParseNormalizer(ParseJson(normalizer, context), context);
}

std::unique_ptr<const PreTokenizer> GgufPreset::MakePreTokenizer(bool words_as_bytes) const {
  const std::string context = "pre-tokenizer " + std::string(name);
  return ParsePreTokenizer(ParseJson(pre_tokenizer, context), words_as_bytes, context);
}

std::span<const GgufPreset> GgufPresets() {
  return kPresets;
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
