#include "rerankers.h"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <utility>

#include "eval/columns.h"
#include "interrupt.h"
#include "standard_output.h"
#include "terminal.h"

namespace dear::app {

Rerankers::Rerankers(const RerankOptions& options, bool quiet)
    : options_(options), quiet_(quiet), loaded_(LoadWithProgress(options.model, quiet)) {}

const Rerankers::Named& Rerankers::For(const std::string& adapter_name) {
  const auto adapter =
      loaded_.FindAdapter(adapter_name.empty() ? options_.model.use : adapter_name);
  const std::string key = adapter ? adapter->name() : "base";
  const auto known = named_.find(key);
  if (known != named_.end()) return known->second;
  DetectedRecipe recipe{.name = options_.rank.recipe};
  if (recipe.name.empty()) {
    recipe = loaded_.Detect(adapter.get());
    if (recipe.guessed) {
      Note(quiet_, "dear: note: ranking by the recipe " + recipe.name + ": " + recipe.why +
                       " (--recipe names another)");
    }
  }
  Named made{.model = options_.model.model,
             .reranker = std::make_unique<Reranker>(loaded_.MakeLanguageModel(adapter),
                                                    options_.rank.WithChatFormat(recipe.Load()))};
  const bool from_m = adapter && loaded_.files.adapter && adapter == loaded_.adapters.front();
  if (adapter && !from_m) made.model += "+" + adapter->name();
  return named_.emplace(key, std::move(made)).first->second;
}

std::vector<Stage> Rerankers::StagesFor(const std::string& adapter_name) {
  if (!later_) {
    later_.emplace(loaded_, options_.rank.Later(), options_.model.Request(quiet_));
    for (const std::string& note : later_->notes())
      Note(quiet_, "dear: note: " + note + " (--then-recipe names another)");
  }
  const Named& first = For(adapter_name);
  return later_->Behind({first.model, first.reranker.get(), options_.rank.depth});
}

std::string Rerankers::Fingerprints() const {
  const std::string later = later_ ? later_->Fingerprints() : "";
  return Fingerprint(loaded_) + (later.empty() ? "" : " ") + later;
}

double Rerankers::load_seconds() const {
  return loaded_.seconds + (later_ ? later_->seconds() : 0);
}

bool Reasons(const RerankOptions& options, const std::vector<Stage>& stages) {
  return options.rank.reasoning || std::ranges::any_of(stages, [](const Stage& stage) {
           return stage.reranker->recipe().reasoning.always;
         });
}

std::vector<RankOutcome> RankBatch(const RerankOptions& options, bool quiet,
                                   const std::vector<Stage>& stages,
                                   std::span<const RankRequest> requests, const RankWatch& watch) {
  RankOptions how = options.rank.Options(stages);
  how.cancel = InterruptFunction();
  how.trace = how.trace || !options.invocations.empty();
  const bool reasons = Reasons(options, stages);
  if (!reasons) how.progress = watch.progress;
  how.on_call = watch.on_call;
  if (reasons && !quiet) {
    how.on_text = [](std::string_view piece) {
      const std::string text = Printable(piece);
      std::fwrite(text.data(), 1, text.size(), stderr);
      std::fflush(stderr);
    };
  }
  std::vector<RankOutcome> outcomes = RankInStages(stages, requests, how, options.rank.FusionOf());
  if (how.on_text) std::fputc('\n', stderr);
  return outcomes;
}

void SayNotes(const RankRequest& request, const RankResult& result, bool quiet) {
  for (const std::string& note : result.notes)
    Note(quiet, "dear: note: " + eval::Shown(request.qid) + ": " + note);
}

ResultMaker MakerOf(const std::vector<Stage>& stages, const RerankOptions& options) {
  ResultMaker maker;
  for (const Stage& stage : stages) {
    if (!maker.model.empty()) maker.model += " > ", maker.recipe += " > ";
    maker.model += stage.model;
    if (&stage != &stages.front() && stage.depth > 0)
      maker.model += ":" + std::to_string(stage.depth);
    maker.recipe += stage.reranker->recipe().name;
  }
  if (options.model.compute != "reference") maker.model += " (" + options.model.compute + ")";
  if (!options.rank.fuse.empty()) maker.recipe += " + " + options.rank.fuse;
  return maker;
}

}  // namespace dear::app
