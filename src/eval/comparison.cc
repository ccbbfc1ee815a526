#include "eval/comparison.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "eval/significance.h"

namespace dear::eval {
namespace {

constexpr double kTie = 1e-9;

// A query's rows in the two evaluations; one beyond the end stands for "not retrieved".
struct SharedQuery {
  std::string qid;
  size_t base;
  size_t run;
};

std::vector<SharedQuery> Align(const Evaluation& base, const Evaluation& run, bool complete,
                               int64_t& left_out) {
  std::vector<SharedQuery> shared;
  size_t b = 0;
  size_t r = 0;
  left_out = 0;
  const size_t num_base = base.qids.size();
  const size_t num_run = run.qids.size();
  while (b < num_base || r < num_run) {
    if (r == num_run || (b < num_base && base.qids[b] < run.qids[r])) {
      shared.push_back({base.qids[b], b, num_run});
      ++b;
    } else if (b == num_base || run.qids[r] < base.qids[b]) {
      shared.push_back({run.qids[r], num_base, r});
      ++r;
    } else {
      shared.push_back({base.qids[b], b++, r++});
    }
  }
  const auto one_sided = [&](const SharedQuery& q) {
    return q.base == num_base || q.run == num_run;
  };
  if (complete) {
    // Judged queries that neither has: 0 against 0.
    std::vector<std::string> neither;
    std::ranges::set_intersection(base.missing, run.missing, std::back_inserter(neither));
    for (std::string& qid : neither) shared.push_back({std::move(qid), num_base, num_run});
    std::ranges::sort(shared, {}, &SharedQuery::qid);
  } else {
    left_out = static_cast<int64_t>(std::erase_if(shared, one_sided));
  }
  return shared;
}

double ValueAt(const Evaluation& evaluation, size_t query, size_t column) {
  return query < evaluation.qids.size() ? evaluation.Value(query, column) : 0.0;
}

void CompareOne(const Evaluation& base, const Evaluation& run,
                const std::vector<SharedQuery>& queries, const ComparisonOptions& options,
                MeasureComparison& out) {
  std::vector<double> differences;
  const auto n = static_cast<double>(queries.size());
  for (const SharedQuery& query : queries) {
    const QueryDifference one{query.qid, ValueAt(base, query.base, out.column),
                              ValueAt(run, query.run, out.column)};
    out.base_mean += one.base / n;
    out.run_mean += one.run / n;
    differences.push_back(one.difference());
    if (one.difference() > kTie) {
      ++out.wins;
    } else if (one.difference() < -kTie) {
      ++out.losses;
    } else {
      ++out.ties;
    }
    out.differences.push_back(one);
  }
  std::ranges::stable_sort(out.differences, std::ranges::greater{}, [](const QueryDifference& d) {
    return std::isfinite(d.difference()) ? d.difference() : 0.0;
  });
  out.t_test.p = PairedTTest(differences);
  out.wilcoxon.p = WilcoxonTest(differences);
  out.randomisation.p = RandomisationTest(differences, options.resamples, options.seed);
}

void Correct(Comparison& comparison, TestedP MeasureComparison::*test) {
  std::vector<double> p;
  for (const RunComparison& run : comparison.runs) {
    for (const MeasureComparison& measure : run.measures) p.push_back((measure.*test).p);
  }
  const std::vector<double> corrected = HolmCorrection(p);
  size_t next = 0;
  for (RunComparison& run : comparison.runs) {
    for (MeasureComparison& measure : run.measures) (measure.*test).corrected = corrected[next++];
  }
}

}  // namespace

Comparison Compare(const Evaluation& base, std::span<const Evaluation> runs,
                   const MeasureSet& measures, const ComparisonOptions& options, ThreadPool* pool) {
  Comparison out;
  out.base = base.run;
  out.options = options;
  std::vector<std::vector<SharedQuery>> queries;
  for (const Evaluation& run : runs) {
    RunComparison one;
    one.run = run.run;
    queries.push_back(Align(base, run, options.complete, one.num_left_out));
    one.num_queries = static_cast<int64_t>(queries.back().size());
    if (queries.back().empty())
      throw Error(ErrorCode::kInvalidArgument, run.run, "no query in common with " + base.run);
    for (size_t c = 0; c < measures.columns().size(); ++c) {
      const MeasureColumn& column = measures.columns()[c];
      if (column.info->summary != Summary::kMean) continue;
      MeasureComparison measure;
      measure.column = c;
      measure.measure = column.name;
      one.measures.push_back(std::move(measure));
    }
    if (one.measures.empty()) {
      throw Error(ErrorCode::kInvalidArgument, "comparison",
                  "none of the measures is a mean over queries");
    }
    out.runs.push_back(std::move(one));
  }
  if (out.runs.empty()) return out;
  const size_t per_run = out.runs.front().measures.size();
  const auto compare = [&](int64_t task, int) {
    const size_t run = static_cast<size_t>(task) / per_run;
    CompareOne(base, runs[run], queries[run], options,
               out.runs[run].measures[static_cast<size_t>(task) % per_run]);
  };
  const auto tasks = static_cast<int64_t>(per_run * out.runs.size());
  if (pool != nullptr) {
    pool->Run(tasks, compare);
  } else {
    for (int64_t task = 0; task < tasks; ++task) compare(task, 0);
  }
  Correct(out, &MeasureComparison::t_test);
  Correct(out, &MeasureComparison::wilcoxon);
  Correct(out, &MeasureComparison::randomisation);
  return out;
}

std::vector<QueryDifference> Gained(const MeasureComparison& comparison, size_t most) {
  std::vector<QueryDifference> out;
  for (const QueryDifference& query : comparison.differences) {
    if (out.size() == most || !(query.difference() > kTie)) break;
    out.push_back(query);
  }
  return out;
}

std::vector<QueryDifference> Lost(const MeasureComparison& comparison, size_t most) {
  std::vector<QueryDifference> out;
  for (auto query = comparison.differences.rbegin(); query != comparison.differences.rend();
       ++query) {
    if (out.size() == most || !(query->difference() < -kTie)) break;
    out.push_back(*query);
  }
  return out;
}

std::string SignificanceMark(double p) {
  if (p < .001) return "***";
  if (p < .01) return "**";
  return p < .05 ? "*" : "";
}

}  // namespace dear::eval
