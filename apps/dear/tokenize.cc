// dear tokenize: text lines to ids and back. Reads what is there, answers it, and reads on, so that
// another program can talk to it line by line.
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "api/model_files.h"
#include "base/error.h"
#include "base/json.h"
#include "command.h"
#include "interrupt.h"
#include "json_output.h"
#include "model_flags.h"
#include "standard_output.h"

namespace dear::app {
namespace {

struct TokenizeOptions {
  std::string model = kDefaultModel;
  bool pair = false;
  bool no_special = false;
  bool decode = false;
  bool json_lines = false;
  bool json = false;
};

class LineTokenizer {
 public:
  LineTokenizer(const TokenizeOptions& options, std::shared_ptr<const Tokenizer> tokenizer)
      : options_(options), tokenizer_(std::move(tokenizer)) {}

  // Appends the answer to one input line, with its newline.
  void Answer(std::string_view line, std::string& out) {
    ++line_number_;
    if (options_.decode) {
      Decode(line, out);
    } else {
      Encode(line, out);
    }
    out += '\n';
  }

 private:
  std::string Where() const { return "standard input: line " + std::to_string(line_number_); }
  [[noreturn]] void Fail(const std::string& what) const {
    throw Error(ErrorCode::kInvalidFormat, Where(), what);
  }

  void Encode(std::string_view line, std::string& out) {
    const EncodeOptions how{.add_special_tokens = !options_.no_special};
    Encoding encoding;
    if (options_.pair) {
      std::string first, second;
      if (options_.json_lines) {
        const Json pair = ParseJson(line, Where());
        if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string())
          Fail("expected a JSON array of two strings");
        first = pair[0].get<std::string>();
        second = pair[1].get<std::string>();
      } else {
        const size_t tab = line.find('\t');
        if (tab == std::string_view::npos) Fail("expected two texts with a tab between them");
        first = line.substr(0, tab);
        second = line.substr(tab + 1);
      }
      encoding = tokenizer_->EncodePair(first, second, how, options_.json);
    } else if (options_.json_lines) {
      const Json text = ParseJson(line, Where());
      if (!text.is_string()) Fail("expected a JSON string");
      encoding = tokenizer_->Encode(text.get_ref<const std::string&>(), how, options_.json);
    } else {
      encoding = tokenizer_->Encode(line, how, options_.json);
    }
    options_.json ? PutJson(encoding, out) : PutIds(encoding.ids, out);
  }

  static void PutNumber(int64_t number, std::string& out) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
  }

  static void PutIds(const std::vector<TokenId>& ids, std::string& out) {
    out += '[';
    for (size_t i = 0; i < ids.size(); ++i) {
      if (i > 0) out += ", ";
      PutNumber(ids[i], out);
    }
    out += ']';
  }

  void PutJson(const Encoding& encoding, std::string& out) const {
    OrderedJson tokens = OrderedJson::array();
    for (const TokenId id : encoding.ids) tokens.push_back(tokenizer_->IdToToken(id).value_or(""));
    out += "{\"ids\": ";
    PutIds(encoding.ids, out);
    out += ", \"tokens\": " + Dump(tokens) + ", \"offsets\": [";
    for (size_t i = 0; i < encoding.offsets.size(); ++i) {
      out += i > 0 ? ", [" : "[";
      PutNumber(encoding.offsets[i].first, out);
      out += ", ";
      PutNumber(encoding.offsets[i].second, out);
      out += ']';
    }
    out += "]}";
  }

  void Decode(std::string_view line, std::string& out) {
    const Json ids = ParseJson(line, Where());
    if (!ids.is_array()) Fail("expected a JSON array of token ids");
    ids_.clear();
    for (const Json& id : ids) {
      if (!id.is_number_integer() || id.get<int64_t>() < 0 ||
          id.get<int64_t>() >= tokenizer_->vocab_size()) {
        Fail("'" + Dump(id) + "' is no token id below " + std::to_string(tokenizer_->vocab_size()));
      }
      ids_.push_back(static_cast<TokenId>(id.get<int64_t>()));
    }
    const std::string text = tokenizer_->Decode(ids_, options_.no_special);
    if (options_.json) {
      out += Dump(OrderedJson{{"text", text}});
    } else {
      out += options_.json_lines ? Dump(OrderedJson(text)) : text;
    }
  }

  const TokenizeOptions& options_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<TokenId> ids_;
  int64_t line_number_ = 0;
};

int Tokenize(const TokenizeOptions& options) {
  LineTokenizer lines(options, OpenTokenizer(options.model));
  std::string waiting;  // an unfinished line
  std::string out;
  std::vector<char> buffer(size_t{1} << 18);
  while (true) {
    const ssize_t count = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (Interrupted()) throw Error(ErrorCode::kCancelled, "tokenize", "stopped");
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Error(ErrorCode::kIo, "standard input", std::strerror(errno));
    if (count == 0) break;
    std::string_view data(buffer.data(), static_cast<size_t>(count));
    for (size_t end = data.find('\n'); end != std::string_view::npos; end = data.find('\n')) {
      if (waiting.empty()) {
        lines.Answer(data.substr(0, end), out);
      } else {
        waiting += data.substr(0, end);
        lines.Answer(waiting, out);
        waiting.clear();
      }
      data.remove_prefix(end + 1);
    }
    waiting += data;
    if (out.empty()) continue;
    Print(out);
    FlushPrint();
    out.clear();
  }
  if (!waiting.empty()) lines.Answer(waiting, out);
  Print(out);
  return 0;
}

}  // namespace

void AddTokenize(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* command =
      AddCommand(app, globals, "tokenize",
                 "Turns the lines of standard input into token ids, one JSON array a line, or back",
                 "  echo 'Hello world' | dear tokenize -m meta-llama/Llama-3.1-8B\n"
                 "  echo '\"two\\nlines\"' | dear tokenize -m tokenizer.json --json-lines\n"
                 "  printf 'query\\tpassage\\n' | dear tokenize -m folder --pair --json\n"
                 "  echo '[128000, 9906]' | dear tokenize -m folder --decode");
  command
      ->add_option("-m,--model", options->model,
                   "A model, an adapter, or a folder or file that holds a tokenizer")
      ->capture_default_str();
  command->add_flag(
      "--pair", options->pair,
      "Each line is two texts with a tab between them (with --json-lines: an array of two)");
  command->add_flag("--no-special", options->no_special,
                    "Add no special tokens; with --decode, leave them out of the text");
  command->add_flag("--decode", options->decode,
                    "Each line is a JSON array of ids; print its text");
  command->add_flag("--json-lines", options->json_lines,
                    "Each text is a JSON string, so that it may hold newlines");
  command->add_flag("--json", options->json,
                    "Print ids, tokens and offsets (in code points) of a line");
  command->callback(
      [options, &globals] { globals.run = [options] { return Tokenize(*options); }; });
}

}  // namespace dear::app
