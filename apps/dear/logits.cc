// dear logits: what the model's head gives for a text or for ids; the window for comparing with
// other implementations.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/mapped_file.h"
#include "command.h"
#include "interrupt.h"
#include "json_output.h"
#include "model/session.h"
#include "model_flags.h"
#include "npy.h"
#include "standard_output.h"
#include "terminal.h"

namespace dear::app {
namespace {

struct LogitsOptions {
  ModelFlags model;
  std::string ids;
  std::optional<std::string> text;
  bool all = false;
  std::string out;
  bool json = false;
};

// Ids as a JSON array, or with blanks or commas between them.
std::vector<TokenId> ParseIds(const std::string& text, const std::string& context) {
  std::vector<TokenId> ids;
  const auto fail = [&context](const std::string& what) {
    throw Error(ErrorCode::kInvalidFormat, context, "'" + what + "' is no token id");
  };
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && text[first] == '[') {
    for (const Json& id : ParseJson(text, context)) {
      if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > INT32_MAX)
        fail(Dump(id));
      ids.push_back(id.get<TokenId>());
    }
    return ids;
  }
  constexpr const char* kBetween = " \t\r\n,";
  for (size_t at = text.find_first_not_of(kBetween); at != std::string::npos;) {
    const size_t end = std::min(text.find_first_of(kBetween, at), text.size());
    TokenId id = -1;
    const auto parsed = std::from_chars(text.data() + at, text.data() + end, id);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + end || id < 0)
      fail(text.substr(at, std::min<size_t>(end - at, 40)));
    ids.push_back(id);
    at = text.find_first_not_of(kBetween, end);
  }
  return ids;
}

std::string ReadIds(const std::string& file) {
  if (file != "-") return ReadFile(file);
  std::string text;
  char buffer[1 << 16];
  for (ssize_t count = 0; (count = read(STDIN_FILENO, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(count));
  return text;
}

// The likeliest tokens, or the classifier's scores.
void PrintSummary(const LoadedModel& loaded, std::span<const float> row, bool json) {
  std::vector<size_t> order(row.size());
  std::iota(order.begin(), order.end(), 0);
  const bool classifier = loaded.model->config().head == HeadKind::kSequenceClassification;
  const size_t shown = classifier ? row.size() : std::min<size_t>(10, row.size());
  if (!classifier) {
    std::partial_sort(
        order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
        [&row](size_t a, size_t b) { return row[a] != row[b] ? row[a] > row[b] : a < b; });
  }
  OrderedJson list = OrderedJson::array();
  std::vector<std::vector<std::string>> rows = {{"ID", "LOGIT", classifier ? "" : "TOKEN"}};
  for (size_t i = 0; i < shown; ++i) {
    const auto id = static_cast<TokenId>(order[i]);
    const std::string token =
        classifier || !loaded.tokenizer ? "" : loaded.tokenizer->IdToToken(id).value_or("");
    list.push_back({{"id", id}, {"logit", ShortFloat(row[order[i]])}, {"token", token}});
    rows.push_back({std::to_string(id), Dump(ShortFloat(row[order[i]])), OneLine(token, 60, true)});
  }
  Print(json ? Dump(list) + "\n" : Columns(rows));
}

int Logits(const LogitsOptions& options, bool quiet) {
  SayWhenInterrupted("no logits were written");
  std::vector<TokenId> ids;
  if (!options.text)
    ids = ParseIds(ReadIds(options.ids), options.ids == "-" ? "standard input" : options.ids);
  const LoadedModel loaded = LoadWithProgress(options.model, quiet, options.text.has_value());
  if (options.text) ids = loaded.tokenizer->Encode(*options.text).ids;
  if (ids.empty()) throw Error(ErrorCode::kInvalidArgument, "ids", "there are none");
  const int64_t context = loaded.model->config().max_positions;
  if (static_cast<int64_t>(ids.size()) > context) {
    throw Error(ErrorCode::kInvalidArgument, "ids",
                "are " + std::to_string(ids.size()) + ", the model's context holds " +
                    std::to_string(context));
  }

  Session session(loaded.model, loaded.pool);
  const SequenceId sequence = session.Add(loaded.FindAdapter(options.model.use));
  // In parts, so that an interrupt is heard.
  constexpr size_t kPart = 256;
  std::vector<float> values;
  int64_t width = 0;
  for (size_t begin = 0; begin < ids.size(); begin += kPart) {
    if (Interrupted()) throw Error(ErrorCode::kCancelled, "logits", "stopped");
    const auto tokens = std::span(ids).subspan(begin, std::min(kPart, ids.size() - begin));
    const bool last = begin + kPart >= ids.size();
    const Step step{.sequence = sequence,
                    .tokens = tokens,
                    .logits_from = options.all ? 0
                                   : last      ? tokens.size() - 1
                                               : tokens.size()};
    HeadOutputs outputs = session.Forward({&step, 1});
    width = outputs.width;
    values.insert(values.end(), outputs.values.begin(), outputs.values.end());
  }

  if (options.out.empty()) {
    PrintSummary(loaded, std::span(values).last(static_cast<size_t>(width)), options.json);
    return 0;
  }
  const std::string npy = NpyBytes(values, static_cast<int64_t>(values.size()) / width, width);
  if (options.out == "-") {
    Print(npy);
  } else {
    WriteFileAtomically(options.out, std::as_bytes(std::span(npy)));
  }
  return 0;
}

}  // namespace

void AddLogits(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<LogitsOptions>();
  CLI::App* command =
      AddCommand(app, globals, "logits", "Writes what the model's head gives, as a NumPy array",
                 "  dear logits --text \"The light bulb\"\n"
                 "  echo '[504, 1657]' > ids.json; dear logits --ids ids.json --all -o logits.npy\n"
                 "  dear logits -m org/base --adapter path/to/adapter --ids ids.txt -o last.npy\n"
                 "float32 [1, vocabulary] of the last token, [tokens, vocabulary] with --all; "
                 "scores in place of\n"
                 "logits where the model is a classifier.");
  options->model.Declare(*command);
  auto* ids =
      command->add_option("--ids", options->ids,
                          "A file of token ids, as a JSON array or with blanks between; - is "
                          "standard input");
  command->add_option("--text", options->text, "A text, tokenised with the special tokens")
      ->excludes(ids);
  command->add_flag("--all", options->all, "Every token's row, not the last one's alone");
  command->add_option("-o,--output", options->out,
                      "The .npy file; - is standard output (default: print the ten largest)");
  command->add_flag("--json", options->json, "Without -o: print the ten largest as JSON");
  command->callback([options, &globals] {
    if (options->ids.empty() && !options->text) throw CLI::ValidationError("give --ids or --text");
    globals.run = [options, &globals] { return Logits(*options, globals.quiet); };
  });
}

}  // namespace dear::app
