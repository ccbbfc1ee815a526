#ifndef DEAR_API_STAGE_MODELS_H_
#define DEAR_API_STAGE_MODELS_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/loaded_model.h"
#include "rank/stages.h"

namespace dear {

// A later stage as the user names it: "MODEL" or "MODEL:DEPTH".
struct StageSpec {
  std::string model;   // as -m takes it, or the name of an adapter of the first stage's model
  std::string recipe;  // empty: found from the model's files
  int64_t depth = 0;   // passages that it ranks; 0: all
};
// A colon and a number at the end are the depth, unless a file has that very name. Throws
// kInvalidArgument for a depth of 0.
StageSpec ParseStageSpec(std::string_view text);

// The rerankers behind the first one, loaded beside its model.
class StageModels {
 public:
  // `how`: options and cache of packed weights, as of the first stage. Throws what loading throws.
  StageModels(const LoadedModel& first, const std::vector<StageSpec>& specs,
              const LoadRequest& how);

  // The first stage, then these.
  std::vector<Stage> Behind(Stage first) const;
  // What tells the weights that were loaded for them from others.
  std::string Fingerprints() const;
  double seconds() const { return seconds_; }  // that loading took
  // What a user should know: a recipe that was guessed.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Later {
    StageSpec spec;
    std::unique_ptr<Reranker> reranker;
  };
  std::deque<LoadedModel> models_;
  std::vector<Later> later_;
  std::vector<std::string> notes_;
  double seconds_ = 0;
};

}  // namespace dear

#endif  // DEAR_API_STAGE_MODELS_H_
