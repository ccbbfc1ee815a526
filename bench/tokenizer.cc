// Runs a tokenizer over texts, for tools/compare_tokenizers.py and bench/tokenizer.py.
//
//   tokenizer_bench MODEL            each input line a JSON text, pair or request; see Answer()
//   tokenizer_bench MODEL --time N   input lines are JSON texts: encodes them all N times
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "formats/gguf.h"
#include "text/tokenizer.h"

namespace {

using dear::Json;

double Seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

// Bytes of a request's text: JSON text, or {"hex": "…"} for what is not UTF-8.
std::string Text(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  const auto hex = json.at("hex").get<std::string>();
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return out;
}

// {"text": T, "pair": P?, "special": true, "max_length": N?, "offsets": true} -> ids, offsets
// {"decode": [ids], "skip": true} -> text and the text as a stream gives it
Json Answer(const std::shared_ptr<const dear::Tokenizer>& tokenizer, const Json& request) {
  if (request.contains("decode")) {
    const auto ids = request.at("decode").get<std::vector<dear::TokenId>>();
    const bool skip = request.value("skip", true);
    dear::StreamDecoder stream(tokenizer, skip);
    std::string streamed;
    for (const auto id : ids) streamed += stream.Next(id);
    streamed += stream.Finish();
    const std::string text = tokenizer->Decode(ids, skip);
    return {{"text", text}, {"stream_agrees", streamed == text}};
  }
  dear::EncodeOptions options;
  options.add_special_tokens = request.value("special", true);
  if (request.contains("max_length")) {
    options.truncation = dear::Truncation::kLongestFirst;
    options.max_length = request.at("max_length").get<int64_t>();
  }
  const bool offsets = request.value("offsets", false);
  const std::string text = Text(request.at("text"));
  const dear::Encoding encoding =
      request.contains("pair")
          ? tokenizer->EncodePair(text, Text(request.at("pair")), options, offsets)
          : tokenizer->Encode(text, options, offsets);
  Json out = {{"ids", encoding.ids}};
  if (offsets) {
    out["offsets"] = encoding.offsets;
    out["type_ids"] = encoding.type_ids;
  }
  return out;
}

int Run(const std::string& model, int repeats) {
  const auto start = std::chrono::steady_clock::now();
  const auto tokenizer = dear::Tokenizer::Open(model);
  const double load = Seconds(start);
  std::string line;
  std::vector<std::string> texts;
  while (std::getline(std::cin, line)) {
    const Json request = Json::parse(line);
    if (repeats > 0) {
      texts.push_back(request.get<std::string>());
      continue;
    }
    Json answer;
    try {
      answer = Answer(tokenizer, request);
    } catch (const dear::Error& error) {
      answer = {{"error", error.what()}};
    }
    std::cout << answer.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  }
  if (repeats == 0) return 0;
  Json seconds = Json::array();
  int64_t tokens = 0;
  for (int i = 0; i < repeats; ++i) {
    tokens = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (const auto& text : texts)
      tokens += static_cast<int64_t>(tokenizer->Encode(text).ids.size());
    seconds.push_back(Seconds(begin));
  }
  std::cout << Json{{"load", load}, {"seconds", seconds}, {"tokens", tokens}} << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: tokenizer_bench MODEL [--time N]\n";
    return 2;
  }
  try {
    return Run(argv[1], argc > 3 ? std::stoi(argv[3]) : 0);
  } catch (const std::exception& error) {
    std::cerr << "tokenizer_bench: error: " << error.what() << '\n';
    return 1;
  }
}
