// How close to the truth each window order comes, and with how many calls, whatever the model:
// a ranker that knows the judgements orders each window, surely or with noise on what it knows.
//   window_orders_bench QRELS RUN [--depth N] [--seed S]
// One JSON object a setting: {"order", "size", "step", "passes", "noise", "calls", "rounds" (means
// over the queries), "ndcg_cut_10" (as trec_eval -c)}. The first is the run as it came. Then what
// settling the first ten places leaves out, under rankers that answer the same window alike:
// {"order", …, "noise", "settle", "calls", "rounds" (of all windows), "settled_calls",
// "settled_rounds"}. Fails where an order loses or doubles a passage, where a ranker that knows all
// does not bring the ten best to the top although the order promises it, or where settled places
// are not those of all windows.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "bench_main.h"
#include "eval/columns.h"
#include "eval/evaluation.h"
#include "eval/measure_set.h"
#include "eval/qrels.h"
#include "eval/run.h"
#include "eval/text_source.h"
#include "rank/window_plan.h"

namespace dear {
namespace {

struct Query {
  std::string qid;
  std::vector<std::string> docids;  // in the run's order
  std::vector<double> relevance;    // of each; unjudged ones count 0
};

struct Setting {
  const char* label;
  WindowRule rule;
};

struct Outcome {
  double calls = 0;
  double rounds = 0;
  std::string run;  // TREC lines
  std::vector<std::vector<int64_t>> permutations;
};

constexpr int64_t kSettle = 10;

// Ids and judgements of the run's queries, best first as trec_eval orders them.
std::vector<Query> ReadQueries(const eval::Qrels& qrels, const eval::Run& run) {
  std::vector<Query> out;
  for (const eval::RunQuery& retrieved : run.queries()) {
    const eval::Topic* topic = qrels.Find(retrieved.qid);
    if (topic == nullptr) continue;
    std::vector<eval::RunRow> rows;
    for (const auto& piece : retrieved.pieces) rows.insert(rows.end(), piece.begin(), piece.end());
    std::ranges::sort(rows, [](const eval::RunRow& a, const eval::RunRow& b) {
      return a.score != b.score ? a.score > b.score : a.docid() > b.docid();
    });
    Query query{.qid = std::string(retrieved.qid), .docids = {}, .relevance = {}};
    for (const eval::RunRow& row : rows) {
      const eval::Judgement* judgement = topic->Find(row.docid(), eval::HashId(row.docid()));
      query.docids.emplace_back(row.docid());
      query.relevance.push_back(judgement == nullptr ? 0 : std::max(0, judgement->relevance));
    }
    out.push_back(std::move(query));
  }
  return out;
}

// Orders windows by relevance, with noise of that standard deviation on every look at a passage; a
// steady one looks the same way whenever it is shown the same window.
class Oracle {
 public:
  Oracle(double noise, uint64_t seed, bool steady)
      : random_(seed), noise_(noise), seed_(seed), steady_(steady) {}

  std::vector<int64_t> Places(const std::vector<int64_t>& window, const Query& query) {
    if (steady_ && noise_ > 0) {
      std::string asked = query.qid;
      for (const int64_t index : window) asked += " " + std::to_string(index);
      random_.seed(seed_ ^ std::hash<std::string>()(asked));
      normal_.reset();
    }
    std::vector<double> seen;
    for (const int64_t index : window) {
      const double truth = query.relevance[static_cast<size_t>(index)];
      seen.push_back(noise_ > 0 ? truth + noise_ * normal_(random_) : truth);
    }
    std::vector<int64_t> places(window.size());
    std::iota(places.begin(), places.end(), 0);
    std::ranges::stable_sort(places, [&seen](int64_t a, int64_t b) {
      return seen[static_cast<size_t>(a)] > seen[static_cast<size_t>(b)];
    });
    return places;
  }

 private:
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
  double noise_;
  uint64_t seed_;
  bool steady_;
};

void Append(const Query& query, const std::vector<int64_t>& permutation, std::string& out) {
  for (size_t place = 0; place < permutation.size(); ++place) {
    out += query.qid + " Q0 " + query.docids[static_cast<size_t>(permutation[place])] + " " +
           std::to_string(place + 1) + " " + std::to_string(permutation.size() - place) + " o\n";
  }
}

Outcome RankAll(const std::vector<Query>& queries, const WindowRule& rule, double noise,
                uint64_t seed, bool steady) {
  Outcome out;
  Oracle oracle(noise, seed, steady);
  for (const Query& query : queries) {
    const auto n = static_cast<int64_t>(query.docids.size());
    const auto plan = MakeWindowPlan(n, rule);
    while (!plan->Windows().empty()) {
      std::vector<std::vector<int64_t>> orders;
      for (const auto& window : plan->Windows()) orders.push_back(oracle.Places(window, query));
      out.calls += static_cast<double>(orders.size());
      ++out.rounds;
      plan->Take(orders);
    }
    std::vector<int64_t> permutation = plan->Permutation();
    Append(query, permutation, out.run);
    out.permutations.push_back(permutation);
    std::ranges::sort(permutation);
    for (int64_t i = 0; i < n; ++i) {
      if (static_cast<int64_t>(permutation.size()) != n || permutation[static_cast<size_t>(i)] != i)
        throw Error(ErrorCode::kInternal, query.qid, "a passage was lost or doubled");
    }
  }
  out.calls /= static_cast<double>(queries.size());
  out.rounds /= static_cast<double>(queries.size());
  return out;
}

double Ndcg(const std::string& run, const eval::Qrels& qrels) {
  const std::vector<std::string> names = {"ndcg_cut.10"};
  const auto measures = eval::MeasureSet::Parse(names, eval::GainKind::kLinear);
  const auto source = eval::TextSource::FromString(run, "ranked");
  return eval::Evaluate(eval::Run::Parse(source), qrels, measures,
                        {.judging = {}, .complete = true})
      .summary.front();
}

void SettleTheFirst(const std::vector<Query>& queries, int64_t depth, uint64_t seed) {
  using enum WindowOrder;
  const Setting settings[] = {
      {"sliding", {.size = 20, .step = 10, .depth = depth}},
      {"sliding", {.size = 20, .step = 10, .depth = depth, .passes = 2}},
      {"sliding", {.size = 20, .step = 10, .depth = depth, .passes = 3}},
      {"sliding", {.size = 20, .step = 10, .depth = depth, .passes = 5}},
      {"sliding", {.size = 20, .step = 10, .depth = depth, .passes = 10}},
      {"sliding", {.size = 20, .step = 20, .depth = depth}},
      {"sliding", {.size = 20, .step = 20, .depth = depth, .passes = 2}},
      {"partition", {.size = 20, .depth = depth, .order = kPartition}},
      {"tournament", {.size = 20, .depth = depth, .order = kTournament}},
  };
  for (const double noise : {0.0, 0.5, 1.0}) {
    for (const auto& [label, rule] : settings) {
      const Outcome all = RankAll(queries, rule, noise, seed, true);
      WindowRule settling = rule;
      settling.settle = kSettle;
      const Outcome settled = RankAll(queries, settling, noise, seed, true);
      for (size_t q = 0; q < queries.size(); ++q) {
        const auto top = std::min<size_t>(kSettle, queries[q].docids.size());
        if (!std::ranges::equal(std::span(all.permutations[q]).first(top),
                                std::span(settled.permutations[q]).first(top)))
          throw Error(ErrorCode::kInternal, queries[q].qid, "the settled places are others");
      }
      const OrderedJson line = {{"order", label},
                                {"size", rule.size},
                                {"step", rule.step},
                                {"passes", rule.passes},
                                {"noise", noise},
                                {"settle", kSettle},
                                {"calls", all.calls},
                                {"rounds", all.rounds},
                                {"settled_calls", settled.calls},
                                {"settled_rounds", settled.rounds}};
      std::printf("%s\n", line.dump().c_str());
    }
  }
}

int Run(int argc, char** argv) {
  int64_t depth = 0;
  uint64_t seed = 1;
  for (int i = 3; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--depth") == 0) depth = std::stoll(argv[i + 1]);
    if (std::strcmp(argv[i], "--seed") == 0) seed = std::stoull(argv[i + 1]);
  }
  if (argc < 3) {
    std::fprintf(stderr, "usage: window_orders_bench QRELS RUN [--depth N] [--seed S]\n");
    return 2;
  }
  const eval::Qrels qrels = eval::Qrels::Read(argv[1]);
  const std::vector<Query> queries = ReadQueries(qrels, eval::Run::Read(argv[2]));
  const auto print = [&](const Setting& setting, double noise, const Outcome& outcome) {
    const OrderedJson line = {{"order", setting.label},
                              {"size", setting.rule.size},
                              {"step", setting.rule.step},
                              {"passes", setting.rule.passes},
                              {"noise", noise},
                              {"calls", outcome.calls},
                              {"rounds", outcome.rounds},
                              {"ndcg_cut_10", Ndcg(outcome.run, qrels)}};
    std::printf("%s\n", line.dump().c_str());
  };
  Outcome first;
  for (const Query& query : queries) {
    std::vector<int64_t> same(query.docids.size());
    std::iota(same.begin(), same.end(), 0);
    Append(query, same, first.run);
  }
  print({"first stage", {}}, 0, first);
  using enum WindowOrder;
  const Setting settings[] = {
      {"all in one", {.size = 0, .depth = depth}},
      {"sliding", {.size = 20, .step = 10, .depth = depth}},
      {"sliding", {.size = 20, .step = 5, .depth = depth}},
      {"sliding", {.size = 20, .step = 15, .depth = depth}},
      {"sliding", {.size = 20, .step = 10, .depth = depth, .passes = 2}},
      {"sliding", {.size = 10, .step = 5, .depth = depth}},
      {"partition", {.size = 20, .depth = depth, .order = kPartition}},
      {"partition", {.size = 10, .depth = depth, .order = kPartition}},
      {"tournament", {.size = 20, .depth = depth, .order = kTournament}},
      {"tournament", {.size = 10, .depth = depth, .order = kTournament}},
  };
  for (const double noise : {0.0, 0.5, 1.0}) {
    double best = 0;
    for (const Setting& setting : settings) {
      const Outcome outcome = RankAll(queries, setting.rule, noise, seed, false);
      const double ndcg = Ndcg(outcome.run, qrels);
      if (setting.rule.size == 0) best = ndcg;
      // Where a pass brings the first ten to the top for sure, a sure ranker reaches the best.
      const bool sure =
          setting.rule.order != kSliding || setting.rule.size - setting.rule.step >= 10;
      if (noise == 0 && setting.rule.size >= 20 && sure && std::abs(ndcg - best) > 1e-9)
        throw Error(ErrorCode::kInternal, setting.label, "a ranker that knows all was led astray");
      print(setting, noise, outcome);
    }
  }
  SettleTheFirst(queries, depth, seed);
  return 0;
}

}  // namespace
}  // namespace dear

int main(int argc, char** argv) {
  return dear::BenchMain("window_orders_bench", dear::Run, argc, argv);
}
