#ifndef DEAR_APPS_DEAR_RESULT_MAKER_H_
#define DEAR_APPS_DEAR_RESULT_MAKER_H_

#include <string>
#include <tuple>

namespace dear::app {

// What results are signed with.
struct ResultMaker {
  std::string model;
  std::string recipe;

  bool operator<(const ResultMaker& other) const {
    return std::tie(model, recipe) < std::tie(other.model, other.recipe);
  }
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_RESULT_MAKER_H_
