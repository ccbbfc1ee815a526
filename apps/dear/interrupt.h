#ifndef DEAR_APPS_DEAR_INTERRUPT_H_
#define DEAR_APPS_DEAR_INTERRUPT_H_

#include <string>

#include "base/progress.h"

namespace dear::app {

// SIGINT and SIGTERM ask the work to stop between two steps. Where a step takes longer than that,
// a watcher ends the program after 0.7 s, saying what was done; a second signal ends it at once.
// Also ignores SIGPIPE: a write into a closed pipe is an error like any other.
void InstallSignalHandlers();

bool Interrupted();
CancelFn InterruptFunction();

// For work that must be brought to an orderly end however long its step takes: the watcher then
// says this ("finishing the step") in place of ending the program; a second signal still does.
void EndByItselfWhenInterrupted(const std::string& ending);

// What is done so far, for the line that an interrupted program ends with: "3 of 12 queries are
// written to out.jsonl". Safe to call from any thread.
void SayWhenInterrupted(const std::string& done);
std::string InterruptMessage();

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_INTERRUPT_H_
