#ifndef DEAR_MODEL_FINGERPRINT_H_
#define DEAR_MODEL_FINGERPRINT_H_

#include <string>

#include "model/adapter.h"
#include "model/model.h"

namespace dear {

// What tells one state of a model from another, whatever its files are called: a SHA-256 over the
// shapes and a sample of the numbers of every module (a row of each matrix, so that no more than a
// page of each is read). Training moves all of them. 64 hex digits.
std::string Fingerprint(const Model& model);
// Of what an adapter adds to its base.
std::string Fingerprint(const Adapter& adapter);

}  // namespace dear

#endif  // DEAR_MODEL_FINGERPRINT_H_
