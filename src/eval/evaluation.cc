#include "eval/evaluation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "eval/columns.h"
#include "eval/measure_functions.h"

namespace dear::eval {
namespace {

struct Pair {
  const RunQuery* query;
  const Topic* topic;
};

// Both lists are sorted by query id.
std::vector<Pair> Match(const Run& run, const Qrels& qrels, Evaluation& out) {
  std::vector<Pair> pairs;
  auto topic = qrels.topics().begin();
  const auto end = qrels.topics().end();
  for (const RunQuery& query : run.queries()) {
    for (; topic != end && topic->qid() < query.qid; ++topic)
      out.missing.emplace_back(topic->qid());
    if (topic == end || topic->qid() != query.qid) {
      ++out.num_unjudged_queries;
    } else {
      pairs.push_back({&query, &*topic++});
    }
  }
  for (; topic != end; ++topic) out.missing.emplace_back(topic->qid());
  return pairs;
}

[[noreturn]] void NothingShared(const Run& run, const Qrels& qrels) {
  std::string what = "no query in common with " + qrels.name() + ": the run has ";
  what += std::to_string(run.queries().size()) + " queries such as '" +
          Shown(run.queries().empty() ? "" : run.queries().front().qid) + "', the qrels have " +
          std::to_string(qrels.topics().size()) + " such as '" +
          Shown(qrels.topics().front().qid()) + "'";
  throw Error(ErrorCode::kInvalidArgument, run.name(), what);
}

// Evaluates queries one after another on one thread.
class Worker {
 public:
  Worker(const Run& run, const Qrels& qrels, const MeasureSet& measures,
         const EvaluationOptions& options)
      : run_(run), qrels_(qrels), measures_(measures), options_(options), judge_(options.judging) {}

  // Returns how many of the documents the qrels name.
  int64_t Compute(const Pair& pair, double* values, std::string* texts) {
    const JudgedRanking& ranking =
        judge_.Rank(*pair.query, *pair.topic, run_.name(), qrels_.name());
    for (const RequestedMeasure& measure : measures_.measures()) {
      const MeasureInput input{ranking, measure.parameters, options_.judging.relevance_level,
                               options_.collection_size};
      if (measure.info->compute != nullptr) {
        measure.info->compute(input, values + measure.first_column);
      } else if (measure.info->summary == Summary::kNone) {
        texts[measure.first_column] = RelevanceString(input);
      }
    }
    return ranking.num_in_pool;
  }

 private:
  const Run& run_;
  const Qrels& qrels_;
  const MeasureSet& measures_;
  const EvaluationOptions& options_;
  Judge judge_;
};

int64_t JudgedAboveZero(const Qrels& qrels) {
  int64_t count = 0;
  for (const Topic& topic : qrels.topics()) {
    for (size_t level = 1; level < topic.level_counts().size(); ++level)
      count += topic.level_counts()[level];
  }
  return count;
}

// Sums in the order of the queries, on one thread: the order is part of the figure.
void Summarise(const MeasureSet& measures, bool complete, const Qrels& qrels, Evaluation& out) {
  const auto evaluated = static_cast<int64_t>(out.qids.size());
  out.num_queries = complete ? static_cast<int64_t>(qrels.topics().size()) : evaluated;
  const auto queries = static_cast<double>(out.num_queries);
  out.summary.assign(out.num_columns, 0.0);
  for (size_t q = 0; q < out.qids.size(); ++q) {
    for (size_t c = 0; c < out.num_columns; ++c) out.summary[c] += out.Value(q, c);
  }
  for (size_t c = 0; c < out.num_columns; ++c) {
    double& value = out.summary[c];
    switch (measures.columns()[c].info->summary) {
      case Summary::kMean: value /= queries; break;
      case Summary::kGeometricMean:
        // The values are logarithms, and 0 would be perfection.
        if (complete)
          value += static_cast<double>(out.num_queries - evaluated) * std::log(kMinGeometricMean);
        value = std::exp(value / queries);
        break;
      case Summary::kNumQueries: value = queries; break;
      case Summary::kNumRelevant:
        if (complete) value = static_cast<double>(JudgedAboveZero(qrels));
        break;
      case Summary::kSum:
      case Summary::kTag:
      case Summary::kNone: break;
    }
  }
}

}  // namespace

Evaluation Evaluate(const Run& run, const Qrels& qrels, const MeasureSet& measures,
                    const EvaluationOptions& options, ThreadPool* pool) {
  Evaluation out;
  out.run = run.name();
  out.tag = run.tag();
  out.num_columns = measures.columns().size();
  const std::vector<Pair> pairs = Match(run, qrels, out);
  if (pairs.empty()) NothingShared(run, qrels);
  for (const Pair& pair : pairs) out.qids.emplace_back(pair.query->qid);
  out.values.assign(pairs.size() * out.num_columns, 0.0);
  const bool has_texts = std::ranges::any_of(measures.measures(), [](const RequestedMeasure& m) {
    return m.info->summary == Summary::kNone;
  });
  if (has_texts) out.texts.resize(pairs.size() * out.num_columns);

  std::vector<int64_t> in_pool(pairs.size());
  const auto compute = [&](Worker& worker, size_t i) {
    in_pool[i] = worker.Compute(pairs[i], out.values.data() + i * out.num_columns,
                                has_texts ? out.texts.data() + i * out.num_columns : nullptr);
  };
  constexpr size_t kPerTask = 64;
  if (pool != nullptr && pairs.size() > kPerTask) {
    std::vector<Worker> workers(static_cast<size_t>(pool->num_threads()),
                                Worker(run, qrels, measures, options));
    const size_t tasks = (pairs.size() + kPerTask - 1) / kPerTask;
    pool->Run(static_cast<int64_t>(tasks), [&](int64_t task, int worker) {
      const size_t begin = static_cast<size_t>(task) * kPerTask;
      const size_t end = std::min(begin + kPerTask, pairs.size());
      for (size_t i = begin; i < end; ++i) compute(workers[static_cast<size_t>(worker)], i);
    });
  } else {
    Worker worker(run, qrels, measures, options);
    for (size_t i = 0; i < pairs.size(); ++i) compute(worker, i);
  }
  out.num_in_pool = std::accumulate(in_pool.begin(), in_pool.end(), int64_t{0});
  if (run.has_facts()) {
    for (const Pair& pair : pairs)
      out.facts.push_back(pair.query->facts != nullptr ? *pair.query->facts : QueryFacts{});
  }
  Summarise(measures, options.complete, qrels, out);
  return out;
}

}  // namespace dear::eval
