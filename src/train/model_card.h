#ifndef DEAR_TRAIN_MODEL_CARD_H_
#define DEAR_TRAIN_MODEL_CARD_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "train/train_config.h"

namespace dear {

struct ModelCardDataset {
  std::string name;
  int64_t rows = 0;     // trained on, or evaluated on
  int64_t dropped = 0;  // read, and left out
  bool evaluation = false;
};

// What a finished run knows about itself. Absent or empty: not known, and not told.
struct ModelCard {
  TrainConfig config;
  std::string name;                      // the model's: the output folder's name
  std::string base_model;                // on the hub or a path; empty: config.model_name_or_path
  std::string gguf_folder, gguf_file;    // where the base lies, if it is a GGUF file
  bool sequence_classification = false;  // a head gives one score; else a language model
  int num_labels = 1;                    // of that head

  std::vector<std::string> lora_targets;  // names of modules; empty: config.lora_target
  int64_t trained_parameters = 0;
  int64_t total_parameters = 0;  // with the base

  std::vector<ModelCardDataset> datasets;

  int64_t num_steps = 0;
  double epochs = 0;
  int64_t warmup_steps = 0;
  int64_t num_tokens = 0;  // that went through the model
  double seconds = 0;
  std::optional<double> first_loss;
  std::optional<double> final_loss;           // the last that was logged
  std::optional<double> mean_loss;            // over all steps
  std::map<std::string, double> evaluations;  // the last: eval_loss, eval_ndcg, ...

  std::string processor;
  int64_t num_threads = 0;
  std::string program_version;       // of dear.cpp
  std::vector<std::string> figures;  // drawings beside the card: training_loss.svg
};

// The card as Markdown with the hub's YAML front matter (base_model, library_name, pipeline_tag,
// tags). A licence is not among it: that is the user's to choose. Texts that are not ours are
// escaped.
std::string ModelCardText(const ModelCard& card);

// Writes FOLDER/README.md. Throws Error (kIo; kNotFound where the folder is missing).
void WriteModelCard(const std::filesystem::path& folder, const ModelCard& card);

}  // namespace dear

#endif  // DEAR_TRAIN_MODEL_CARD_H_
