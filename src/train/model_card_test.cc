#include "train/model_card.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "base/error.h"
#include "base/mapped_file.h"

namespace dear {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

ModelCard Card() {
  ModelCard card;
  card.config.model_name_or_path = "meta-llama/Llama-3.1-8B";
  card.config.lora_rank = 16;
  card.config.lora_alpha = 32;
  card.config.lora_dropout = .05;
  card.config.learning_rate = 1e-5;
  card.config.schedule.name = "cosine";
  card.config.per_device_train_batch_size = 4;
  card.config.gradient_accumulation_steps = 4;
  card.name = "dear-listwise";
  card.lora_targets = {"q_proj", "v_proj"};
  card.trained_parameters = 13631488;
  card.total_parameters = 8043892736;
  card.datasets = {{.name = "dear_cot", .rows = 9985, .dropped = 15},
                   {.name = "dear_dev", .rows = 200, .evaluation = true}};
  card.num_steps = 1250;
  card.epochs = 2;
  card.warmup_steps = 125;
  card.num_tokens = 20480000;
  card.seconds = 5120;
  card.first_loss = 1.75;
  card.final_loss = .25;
  card.mean_loss = .5;
  card.evaluations = {{"eval_loss", .3}, {"eval_ndcg", .7412}};
  card.processor = "Some CPU @ 2.0GHz";
  card.num_threads = 16;
  card.program_version = "0.1.0";
  card.figures = {"training_loss.svg"};
  return card;
}

YAML::Node FrontMatter(const std::string& card) {
  EXPECT_TRUE(card.starts_with("---\n"));
  return YAML::Load(card.substr(4, card.find("\n---\n", 4) - 4));
}

TEST(ModelCardTest, ABaseInAGgufFileIsLoadedFromWhereItLies) {
  ModelCard card = Card();
  card.gguf_folder = "~/models";
  card.gguf_file = "base.Q4_1.gguf";
  EXPECT_THAT(ModelCardText(card), HasSubstr("base = Path(\"~/models\").expanduser()\n"
                                             "tokenizer = AutoTokenizer.from_pretrained(base, "
                                             "gguf_file=\"base.Q4_1.gguf\")\n"
                                             "model = AutoModelForCausalLM.from_pretrained(base, "
                                             "gguf_file=\"base.Q4_1.gguf\")\n"));
}

TEST(ModelCardTest, HubReadsTheFrontMatter) {
  const YAML::Node map = FrontMatter(ModelCardText(Card()));
  EXPECT_EQ(map["base_model"].as<std::string>(), "meta-llama/Llama-3.1-8B");
  EXPECT_EQ(map["library_name"].as<std::string>(), "peft");
  EXPECT_EQ(map["pipeline_tag"].as<std::string>(), "text-ranking");
  EXPECT_EQ(map["tags"].as<std::vector<std::string>>(),
            (std::vector<std::string>{"reranker", "lora", "dear.cpp"}));
  EXPECT_FALSE(map["license"]);
}

TEST(ModelCardTest, TellsWhatWasDone) {
  const std::string text = ModelCardText(Card());
  for (const char* part :
       {"# dear-listwise\n",
        "| rank (r) | 16 |\n",
        "| alpha | 32 |\n",
        "| dropout | 0.05 |\n",
        "| targets | q_proj, v_proj |\n",
        "| trained parameters | 13,631,488 of 8,043,892,736 (0.1695 %) |\n",
        "| dear_cot | training | 9,985 | 15 |\n",
        "| dear_dev | evaluation | 200 | 0 |\n",
        "| learning rate | 1e-05 |\n",
        "| schedule | cosine, 125 steps of warm-up |\n",
        "| batch | 16 (4 times 4) |\n",
        "| epochs | 2 |\n",
        "| steps | 1,250 |\n",
        "| loss at the end | 0.2500 |\n",
        "| eval_ndcg | 0.7412 |\n",
        "| tokens | 20,480,000 |\n",
        "| time | 85.3 min |\n",
        "| tokens a second | 4000 |\n",
        "| processor | Some CPU @ 2.0GHz, 16 threads |\n",
        "| program | dear.cpp 0.1.0 |\n",
        "![training_loss.svg](<training_loss.svg>)\n",
        "dear rerank -m dear-listwise -q ",
        "from peft import PeftModel\nfrom transformers import AutoModelForCausalLM, AutoTokenizer",
        "AutoModelForCausalLM.from_pretrained(\"meta-llama/Llama-3.1-8B\")\n",
        "PeftModel.from_pretrained(model, \"dear-listwise\")\n"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(ModelCardTest, WhatIsNotKnownIsNotTold) {
  ModelCard card;
  card.config.model_name_or_path = "base";
  const std::string text = ModelCardText(card);
  for (const char* part : {"loss at", "eval_", "processor", "program", "## Data", "variant", "NF4",
                           "tokens a second", "trained parameters", "| |\n|---|---|\n\n"}) {
    EXPECT_THAT(text, Not(HasSubstr(part)));
  }
}

TEST(ModelCardTest, NamesTheAdaptersKind) {
  ModelCard card = Card();
  card.config.use_dora = true;
  card.config.use_rslora = true;
  card.config.quantized = true;
  card.config.additional_target = {"score"};
  const std::string text = ModelCardText(card);
  EXPECT_THAT(text, HasSubstr("| variant | rsLoRA, DoRA |\n"));
  EXPECT_THAT(text, HasSubstr("| the base's weights | NF4, double quantisation |\n"));
  EXPECT_THAT(text, HasSubstr("| trained whole | score |\n"));
}

TEST(ModelCardTest, PointwiseHasAHeadAndALoss) {
  ModelCard card = Card();
  card.config.stage = TrainStage::kPointwise;
  card.config.ranking.losses = {{"softmax_ce", 1}, {"ranknet_teacher", .5}};
  card.config.ranking.kl_weight = .1;
  card.sequence_classification = true;
  card.config.passage_max_length = 196;
  const std::string text = ModelCardText(card);
  EXPECT_THAT(text, HasSubstr("| loss | softmax_ce + 0.5 ranknet_teacher; distilled with weight "
                              "0.1 at temperature 2 |\n"));
  EXPECT_THAT(text, HasSubstr("AutoModelForSequenceClassification.from_pretrained("
                              "\"meta-llama/Llama-3.1-8B\", num_labels=1)\n"));
  EXPECT_THAT(text, HasSubstr("| tokens of a passage, at most | 196 |\n"));
}

TEST(ModelCardTest, AWholeModelNeedsNoAdapter) {
  ModelCard card = Card();
  card.config.finetuning_type = FinetuningType::kFull;
  const std::string text = ModelCardText(card);
  EXPECT_EQ(FrontMatter(text)["library_name"].as<std::string>(), "transformers");
  EXPECT_THAT(text, Not(HasSubstr("peft")));
  EXPECT_THAT(text, Not(HasSubstr("rank (r)")));
  EXPECT_THAT(text, HasSubstr("AutoModelForCausalLM.from_pretrained(\"dear-listwise\")\n"));
}

TEST(ModelCardTest, TextsOfOthersAreNoMarkup) {
  ModelCard card = Card();
  card.name = "it's\n```\n<b>_x_";
  card.base_model = "a: \"b\"\n---\n# c";
  card.datasets = {{.name = "a|b_c *d* <i> &lt; [x](y)"}};
  card.figures = {"a>b<c.svg"};
  const std::string text = ModelCardText(card);
  EXPECT_EQ(FrontMatter(text)["base_model"].as<std::string>(), "a: \"b\"\n---\n# c");
  EXPECT_THAT(text, HasSubstr("| a\\|b_c \\*d\\* &lt;i> &amp;lt; \\[x](y) | training |"));
  EXPECT_THAT(text, HasSubstr("&lt;b>\\_x\\_\n"));
  EXPECT_THAT(text, HasSubstr("dear rerank -m 'it'\\''s ``` <b>_x_' -q "));
  EXPECT_THAT(text, HasSubstr("](<a\\>b\\<c.svg>)"));
  EXPECT_THAT(text, Not(HasSubstr("\n```\n<b>")));
}

TEST(ModelCardTest, IsWrittenBesideTheAdapter) {
  const fs::path folder = fs::path(::testing::TempDir()) / "dear_model_card_test";
  fs::remove_all(folder);
  EXPECT_THROW(WriteModelCard(folder, Card()), Error);
  fs::create_directories(folder);
  WriteModelCard(folder, Card());
  EXPECT_EQ(ReadFile(folder / "README.md"), ModelCardText(Card()));
  fs::remove_all(folder);
}

}  // namespace
}  // namespace dear
