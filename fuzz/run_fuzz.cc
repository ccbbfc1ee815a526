// Whatever stands in a run, reading and evaluating it gives figures or one Error. The input is the
// run; the judgements are fixed, and every measure is computed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/error.h"
#include "eval/evaluation.h"
#include "eval/trec_format.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dear::eval;  // NOLINT(google-build-using-namespace)
  static const Qrels qrels = Qrels::Parse(
      TextSource::FromString("1 0 a 2\n1 0 b 0\n1 0 c -1\n2 0 a 1\n3 0 d -1\n", "qrels"));
  static const MeasureSet measures = MeasureSet::Parse(
      std::vector<std::string>{"all_trec", "ndcg.1=0.5,2=0.7,-2=1", "yaap"}, GainKind::kLinear);
  std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const Run run = Run::Parse(TextSource::FromString(std::move(text), "fuzz", size_t{1} << 24));
    EvaluationOptions options;
    options.complete = size % 2 == 0;
    options.judging.judged_only = size % 3 == 0;
    const Evaluation evaluation = Evaluate(run, qrels, measures, options);
    if (evaluation.qids.size() > run.queries().size()) std::abort();
    if (FormatTrec(evaluation, measures, {.per_query = true}).empty()) std::abort();
  } catch (const dear::Error&) {
  }
  return 0;
}
