#ifndef DEAR_DEAR_H_
#define DEAR_DEAR_H_

// Everything that a program needs: load a model (dear::Engine), rank with it (dear::Ranker), catch
// what goes wrong (dear::Error).
#include "dear/engine.h"
#include "dear/error.h"
#include "dear/ranker.h"

#endif  // DEAR_DEAR_H_
