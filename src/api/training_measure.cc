#include "api/training_measure.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "api/rank_jobs.h"
#include "base/error.h"
#include "base/json.h"
#include "eval/evaluation.h"
#include "eval/run.h"

namespace dear {
namespace {

eval::MeasureSet ParseMeasure(const std::string& name) {
  try {
    return eval::MeasureSet::Parse(std::array{name}, eval::GainKind::kLinear);
  } catch (const Error& error) {
    throw error.Within("eval_measure");
  }
}

// The queries that are judged: others would be ranked for nothing.
std::vector<RankRequest> ReadRequests(const std::string& path, const eval::Qrels& qrels) {
  RankJobReader reader{std::filesystem::path(path)};
  std::vector<RankRequest> requests;
  while (auto job = reader.Next()) {
    if (qrels.Find(job->request.qid) != nullptr) requests.push_back(std::move(job->request));
  }
  if (requests.empty()) {
    throw Error(ErrorCode::kInvalidArgument, path,
                "shares no query with the judgements of " + qrels.name());
  }
  return requests;
}

Json RunOf(const RankRequest& request, const RankResult& result) {
  Json candidates = Json::array();
  for (const int64_t index : result.permutation) {
    candidates.push_back({{"docid", request.passages[static_cast<size_t>(index)].docid}});
  }
  return {{"query", {{"qid", request.qid}, {"text", request.query}}},
          {"candidates", std::move(candidates)}};
}

}  // namespace

TrainingMeasure::TrainingMeasure(const TrainConfig& config, const Recipe& recipe,
                                 const ModelLanguageModel::Parts& parts)
    : qrels_(eval::Qrels::Read(config.eval_qrels)),
      measures_(ParseMeasure(config.eval_measure)),
      requests_(ReadRequests(config.eval_jobs, qrels_)),
      reranker_(std::make_shared<ModelLanguageModel>(parts), recipe) {}

std::vector<std::string> TrainingMeasure::Figures() const {
  std::vector<std::string> names;
  for (const eval::MeasureColumn& column : measures_.columns()) {
    names.push_back("eval_" + column.name);
  }
  return names;
}

std::map<std::string, double> TrainingMeasure::Measure(const CancelFn& cancel) const {
  RankOptions options;
  options.cancel = cancel;
  const std::vector<RankOutcome> outcomes = reranker_.RankAll(requests_, options);
  std::string run;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].error) throw outcomes[i].error->Within("query " + requests_[i].qid);
    run += RunOf(requests_[i], outcomes[i].result).dump() + "\n";
  }
  const auto ranked =
      eval::Run::Parse(eval::TextSource::FromString(std::move(run), "the adapter's ranking"));
  const eval::Evaluation evaluation = eval::Evaluate(ranked, qrels_, measures_, {});
  const std::vector<std::string> names = Figures();
  std::map<std::string, double> figures;
  for (size_t column = 0; column < names.size(); ++column) {
    figures[names[column]] = evaluation.summary[column];
  }
  return figures;
}

}  // namespace dear
