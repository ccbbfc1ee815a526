#include "invocation_file.h"

#include <string_view>

#include "base/error.h"
#include "json_output.h"

namespace dear::app {
namespace fs = std::filesystem;
namespace {

const Recipe* LastListwise(std::span<const Stage> stages) {
  const Recipe* found = nullptr;
  for (const Stage& stage : stages) {
    const Recipe& recipe = stage.reranker->recipe();
    if (recipe.kind == RecipeKind::kListwise) found = &recipe;
  }
  return found;
}

// The default is RankLLM's own.
std::string ValidationPattern(const Recipe& recipe) {
  if (!recipe.answer.valid.empty()) return recipe.answer.valid;
  const std::string id = recipe.ids == IdStyle::kLetters ? R"(\[[A-Z]+\])" : R"(\[\d+\])";
  return "^" + id + "( > " + id + ")*$";
}

std::string ExtractionPattern(const Recipe& recipe) {
  return recipe.answer.counted.empty() ? recipe.answer.pattern : recipe.answer.counted;
}

RecordLayout LayoutOf(const fs::path& path) {
  return path.extension() == ".jsonl" ? RecordLayout::kLines : RecordLayout::kList;
}

}  // namespace

OrderedJson InvocationsJson(const RankRequest& request, const RankTrace& trace,
                            std::span<const Stage> stages) {
  const Recipe* listwise = LastListwise(stages);
  OrderedJson out;
  out["query"] = {{"text", request.query}, {"qid", request.qid}};
  OrderedJson& history = out["invocations_history"] = OrderedJson::array();
  for (size_t i = 0; i < trace.prompts.size(); ++i) {
    OrderedJson call;
    call["prompt"] = trace.prompts[i];
    call["response"] = trace.responses[i];
    call["input_token_count"] = trace.prompt_ids[i].size();
    call["output_token_count"] = trace.output_ids[i].size();
    const std::string& reasoning = trace.reasonings[i];
    call["reasoning"] = reasoning.empty() ? OrderedJson() : OrderedJson(reasoning);
    call["token_usage"] = nullptr;
    call["output_validation_regex"] =
        listwise == nullptr ? OrderedJson() : OrderedJson(ValidationPattern(*listwise));
    call["output_extraction_regex"] =
        listwise == nullptr ? OrderedJson() : OrderedJson(ExtractionPattern(*listwise));
    history.push_back(std::move(call));
  }
  return out;
}

InvocationFile::InvocationFile(const fs::path& path, ExistingFile existing,
                               const std::set<std::string>& finished)
    : records_(path, LayoutOf(path), existing) {
  size_t kept = 0;
  if (existing == ExistingFile::kResume) {
    records_.ReadBack([&](std::string_view record, const std::string& where) {
      const Json json = ParseJson(record, where);
      const Json* query = json.is_object() ? JsonFields(json, where).Find("query") : nullptr;
      if (query == nullptr || !query->is_object())
        throw Error(ErrorCode::kInvalidFormat, where, "is no invocation history");
      const bool keep =
          finished.contains(JsonFields(*query, where + ": query").RequireString("qid"));
      kept += keep ? 1 : 0;
      return keep;
    });
  }
  if (kept < finished.size()) {
    throw Error(ErrorCode::kInvalidArgument, path.string(),
                "holds " + std::to_string(kept) + " of the " + std::to_string(finished.size()) +
                    " queries that are finished, so it cannot be carried on; leave out "
                    "--invocations, or rank all again with --overwrite");
  }
}

void InvocationFile::Append(const OrderedJson& history) {
  const bool lines = records_.layout() == RecordLayout::kLines;
  records_.Append(lines ? Dump(history) + "\n" : Dump(history, 2));
}

}  // namespace dear::app
