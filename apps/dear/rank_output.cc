#include "rank_output.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "json_output.h"

namespace dear::app {
namespace {

size_t Shown(const RankedQuery& ranked) {
  const size_t all = ranked.result.permutation.size();
  return ranked.top > 0 ? std::min(all, static_cast<size_t>(ranked.top)) : all;
}

float ScoreOf(const RankedQuery& ranked, int64_t index) {
  const auto at = static_cast<size_t>(index);
  return at < ranked.result.scores.size() ? ranked.result.scores[at]
                                          : std::numeric_limits<float>::quiet_NaN();
}

const Passage& PassageOf(const RankedQuery& ranked, int64_t index) {
  return ranked.request.passages[static_cast<size_t>(index)];
}

// Of the passages that are shown, by place; equal and missing ones fall by one step of a float.
// Those of a query that failed count down to 1.
std::vector<float> FallingScores(const RankedQuery& ranked) {
  std::vector<float> scores;
  float above = std::numeric_limits<float>::infinity();
  for (size_t place = 0; place < Shown(ranked); ++place) {
    float score = ranked.error.empty() ? ScoreOf(ranked, ranked.result.permutation[place])
                                       : static_cast<float>(Shown(ranked) - place);
    if (!(score < above)) score = std::nextafter(above, -std::numeric_limits<float>::infinity());
    above = score;
    scores.push_back(score);
  }
  return scores;
}

std::string Fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

OrderedJson TraceJson(const RankTrace& trace) {
  const auto call = [&trace](size_t i) {
    OrderedJson out;
    out["prompt"] = i < trace.prompts.size() ? OrderedJson(trace.prompts[i]) : OrderedJson("");
    out["prompt_ids"] =
        i < trace.prompt_ids.size() ? OrderedJson(trace.prompt_ids[i]) : OrderedJson::array();
    out["output_ids"] =
        i < trace.output_ids.size() ? OrderedJson(trace.output_ids[i]) : OrderedJson::array();
    return out;
  };
  OrderedJson out = call(0);
  if (trace.prompts.size() > 1) {
    out["calls"] = OrderedJson::array();
    for (size_t i = 0; i < trace.prompts.size(); ++i) out["calls"].push_back(call(i));
  }
  out["timings"] = OrderedJson::array();
  for (const RankCall& model_call : trace.calls) {
    const Usage& usage = model_call.usage;
    out["timings"].push_back({{"prompts", model_call.prompts},
                              {"prompt_tokens", usage.prompt_tokens},
                              {"cached_tokens", usage.cached_tokens},
                              {"completion_tokens", usage.completion_tokens},
                              {"forward_passes", usage.forward_passes},
                              {"drafted_tokens", usage.drafted_tokens},
                              {"accepted_tokens", usage.accepted_tokens},
                              {"prefill", RoundSeconds(usage.prefill_seconds)},
                              {"decode", RoundSeconds(usage.decode_seconds)}});
  }
  return out;
}

OrderedJson StageJson(const StageReport& stage) {
  OrderedJson scores = OrderedJson::array();  // in the order of the permutation
  for (const int64_t index : stage.permutation)
    scores.push_back(ShortFloat(stage.scores[static_cast<size_t>(index)]));
  return {{"model", stage.model},
          {"recipe", stage.recipe},
          {"passages", stage.passages},
          {"permutation", stage.permutation},
          {"scores", std::move(scores)},
          {"score_kind", ScoreKindName(stage.score_kind)},
          {"usage",
           {{"prompt_tokens", stage.usage.prompt_tokens},
            {"completion_tokens", stage.usage.completion_tokens},
            {"forward_passes", stage.usage.forward_passes},
            {"shared_tokens", stage.usage.shared_tokens},
            {"cached_tokens", stage.usage.cached_tokens}}}};
}

std::string Repaired(const RankResult& result) {
  return result.repair == Repair::kOk
             ? ""
             : "answer repaired (" + std::string(RepairName(result.repair)) + ")";
}

}  // namespace

OrderedJson RankJson(const RankedQuery& ranked) {
  const RankResult& result = ranked.result;
  OrderedJson out;
  out["qid"] = ranked.request.qid;
  out["query"] = ranked.request.query;
  out["model"] = ranked.model;
  out["recipe"] = ranked.recipe;
  if (!ranked.error.empty()) out["error"] = ranked.error;
  out["results"] = OrderedJson::array();
  for (size_t place = 0; place < Shown(ranked); ++place) {
    const int64_t index = result.permutation[place];
    out["results"].push_back({{"index", index},
                              {"docid", PassageOf(ranked, index).docid},
                              {"rank", place + 1},
                              {"score", ShortFloat(ScoreOf(ranked, index))},
                              {"score_kind", ScoreKindName(result.score_kind)}});
  }
  out["permutation"] = result.permutation;
  out["text"] = result.text;
  out["reasoning"] = result.reasoning;
  out["repair"] = RepairName(result.repair);
  out["windows"] = result.windows;
  if (result.settled) {
    out["settled"] = {{"top", result.settled->top},
                      {"windows", result.settled->windows},
                      {"of", result.settled->of}};
  }
  if (result.masked.tokens > 0) {
    out["masked_probability"] = {{"mean", result.masked.mean()}, {"max", result.masked.max}};
  }
  out["usage"] = {{"prompt_tokens", result.usage.prompt_tokens},
                  {"completion_tokens", result.usage.completion_tokens},
                  {"forward_passes", result.usage.forward_passes},
                  {"shared_tokens", result.usage.shared_tokens},
                  {"cached_tokens", result.usage.cached_tokens}};
  out["seconds"] = {{"load", RoundSeconds(ranked.load_seconds)},
                    {"prefill", RoundSeconds(result.usage.prefill_seconds)},
                    {"decode", RoundSeconds(result.usage.decode_seconds)},
                    {"total", RoundSeconds(ranked.total_seconds)}};
  if (result.stages.size() > 1) {
    out["stages"] = OrderedJson::array();
    for (const StageReport& stage : result.stages) out["stages"].push_back(StageJson(stage));
  }
  if (ranked.trace) out["trace"] = TraceJson(result.trace);
  return out;
}

std::string RankTable(const RankedQuery& ranked, const Terminal& terminal) {
  const RankResult& result = ranked.result;
  std::vector<std::string> scores;
  int score_width = 5;
  int index_width = 5;
  for (size_t place = 0; place < Shown(ranked); ++place) {
    const float score = ScoreOf(ranked, result.permutation[place]);
    scores.push_back(std::isfinite(score) ? Fixed(score, 4) : "-");
    score_width = std::max(score_width, static_cast<int>(scores.back().size()));
    index_width =
        std::max(index_width, static_cast<int>(std::to_string(result.permutation[place]).size()));
  }
  constexpr int kRankWidth = 4;
  const int left = kRankWidth + 2 + score_width + 2 + index_width + 2;
  const int room = std::max(20, terminal.columns - left);

  std::string header = PadLeft("rank", kRankWidth) + "  " + PadLeft("score", score_width) + "  " +
                       PadLeft("index", index_width) + "  passage";
  std::string out = terminal.Styled("1", header) + "\n";
  for (size_t place = 0; place < scores.size(); ++place) {
    const int64_t index = result.permutation[place];
    const Passage& passage = PassageOf(ranked, index);
    const std::string text =
        passage.title.empty() ? passage.text : passage.title + " " + passage.text;
    const std::string shown = OneLine(text, room, terminal.unicode);
    out +=
        terminal.Styled(place == 0 ? "1;32" : "1", PadLeft(std::to_string(place + 1), kRankWidth)) +
        "  " + terminal.Styled("36", PadLeft(scores[place], score_width)) + "  " +
        PadLeft(std::to_string(index), index_width) + "  " +
        (place == 0 ? terminal.Styled("1;32", shown) : shown) + "\n";
  }
  const std::string dot = terminal.unicode ? " · " : " | ";
  std::string footer = ranked.model + dot + ranked.recipe + dot +
                       std::to_string(result.usage.prompt_tokens + result.usage.completion_tokens) +
                       " tokens" + dot + Fixed(ranked.total_seconds, 2) + " s";
  if (const std::string repaired = Repaired(result); !repaired.empty()) footer += dot + repaired;
  if (result.settled) {
    footer += dot + "first " + std::to_string(result.settled->top) + " settled, " +
              std::to_string(result.settled->of - result.settled->windows) + " of " +
              std::to_string(result.settled->of) + " windows left out";
  }
  return out + terminal.Styled("2", footer) + "\n";
}

std::string RankTrec(const RankedQuery& ranked) {
  std::string out;
  const std::vector<float> scores = FallingScores(ranked);
  for (size_t place = 0; place < scores.size(); ++place) {
    out += ranked.request.qid + " Q0 " + PassageOf(ranked, ranked.result.permutation[place]).docid +
           " " + std::to_string(place + 1) + " " + Dump(ShortFloat(scores[place])) + " dear\n";
  }
  return out;
}

OrderedJson RankLlmJson(const RankedQuery& ranked) {
  OrderedJson out;
  out["query"] = {{"text", ranked.request.query}, {"qid", ranked.request.qid}};
  if (!ranked.error.empty()) out["error"] = ranked.error;
  out["candidates"] = OrderedJson::array();
  const std::vector<float> scores = FallingScores(ranked);
  for (size_t place = 0; place < scores.size(); ++place) {
    const Passage& passage = PassageOf(ranked, ranked.result.permutation[place]);
    OrderedJson doc;
    if (!passage.title.empty()) doc["title"] = passage.title;
    doc["text"] = passage.text;
    out["candidates"].push_back(
        {{"docid", passage.docid}, {"score", ShortFloat(scores[place])}, {"doc", std::move(doc)}});
  }
  return out;
}

OrderedJson RankGptJson(const RankedQuery& ranked) {
  OrderedJson out;
  out["query"] = ranked.request.query;
  out["qid"] = ranked.request.qid;
  if (!ranked.error.empty()) out["error"] = ranked.error;
  out["hits"] = OrderedJson::array();
  const std::vector<float> scores = FallingScores(ranked);
  for (size_t place = 0; place < scores.size(); ++place) {
    const Passage& passage = PassageOf(ranked, ranked.result.permutation[place]);
    OrderedJson hit;
    if (!passage.title.empty()) hit["title"] = passage.title;
    hit["content"] = passage.text;
    hit["qid"] = ranked.request.qid;
    hit["docid"] = passage.docid;
    hit["rank"] = place + 1;
    hit["score"] = ShortFloat(scores[place]);
    out["hits"].push_back(std::move(hit));
  }
  return out;
}

std::string FormatRanked(const RankedQuery& ranked, const std::string& format) {
  if (format == "json") return Dump(RankJson(ranked), 2) + "\n";
  if (format == "jsonl") return Dump(RankJson(ranked)) + "\n";
  if (format == "trec") return RankTrec(ranked);
  if (format == "rankllm") return Dump(RankLlmJson(ranked)) + "\n";
  if (format == "rankgpt") return Dump(RankGptJson(ranked)) + "\n";
  return RankTable(ranked, Terminal::Of(STDOUT_FILENO));
}

std::string FormatListed(const RankedQuery& ranked, const std::string& format) {
  return Dump(format == "rankllm" ? RankLlmJson(ranked) : RankGptJson(ranked), 2);
}

}  // namespace dear::app
