#ifndef DEAR_EVAL_TESTING_TEXTS_H_
#define DEAR_EVAL_TESTING_TEXTS_H_

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "eval/qrels.h"
#include "eval/run.h"

namespace dear::eval {

inline Qrels QrelsOf(std::string text) {
  return Qrels::Parse(TextSource::FromString(std::move(text), "qrels"));
}

inline Run RunOf(std::string text) {
  return Run::Parse(TextSource::FromString(std::move(text), "run"));
}

// What `fn` throws, as text; empty where it does not.
template <typename Fn>
std::string ErrorOf(const Fn& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace dear::eval

#endif  // DEAR_EVAL_TESTING_TEXTS_H_
