// Random qrels and runs with random options: what we print is what trec_eval 9.0.8 printed.
// tests/golden/eval/trec_eval.jsonl.gz is made by tools/make_eval_goldens.py.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/json.h"
#include "eval/evaluation.h"
#include "eval/testing/texts.h"
#include "eval/trec_format.h"

namespace dear::eval {
namespace {

struct Case {
  EvaluationOptions options;
  TrecFormatOptions format;
  std::vector<std::string> measures;
};

Case Read(const Json& flags) {
  Case out;
  for (size_t i = 0; i < flags.size(); ++i) {
    const auto flag = flags[i].get<std::string>();
    const auto number = [&] { return std::stoll(flags[++i].get<std::string>()); };
    if (flag == "-q") {
      out.format.per_query = true;
    } else if (flag == "-n") {
      out.format.summary = false;
    } else if (flag == "-c") {
      out.options.complete = true;
    } else if (flag == "-J") {
      out.options.judging.judged_only = true;
    } else if (flag == "-l") {
      out.options.judging.relevance_level = number();
    } else if (flag == "-M") {
      out.options.judging.max_documents = number();
    } else if (flag == "-N") {
      out.options.collection_size = number();
    } else if (flag == "-m") {
      out.measures.push_back(flags[++i].get<std::string>());
    } else {
      ADD_FAILURE() << "unknown option " << flag;
    }
  }
  return out;
}

TEST(TrecEvalGoldenTest, EveryLineIsTheSame) {
  const auto source = TextSource::Open(DEAR_SOURCE_DIR "/tests/golden/eval/trec_eval.jsonl.gz");
  std::string_view text = source->text();
  int cases = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() + 1);
    const Json golden = ParseJson(line, source->name());
    if (!golden.contains("seed")) {
      EXPECT_EQ(golden["trec_eval"], "9.0.8");
      continue;
    }
    const Case c = Read(golden["options"]);
    ++cases;
    std::string printed;
    const std::string error = ErrorOf([&] {
      const Qrels qrels = QrelsOf(golden["qrels"]);
      const MeasureSet measures = MeasureSet::Parse(c.measures, GainKind::kLinear);
      printed = FormatTrec(Evaluate(RunOf(golden["run"]), qrels, measures, c.options), measures,
                           c.format);
    });
    EXPECT_EQ(error.empty(), golden["code"] == 0) << golden["seed"] << ": " << error;
    EXPECT_EQ(printed, golden["output"].get<std::string>()) << golden["seed"] << golden["options"];
  }
  EXPECT_EQ(cases, 300);
}

}  // namespace
}  // namespace dear::eval
