#ifndef DEAR_APPS_DEAR_MACHINE_H_
#define DEAR_APPS_DEAR_MACHINE_H_

#include <cstdint>
#include <string>

namespace dear::app {

// The value of the first line "key : value" of a file under /proc; empty where there is none.
std::string ProcField(const char* file, const std::string& key);

// A value in kB ("123 kB") as bytes; 0 where there is none.
uint64_t ProcBytes(const char* file, const std::string& key);

// The processor's name, or "unknown".
std::string ProcessorName();

// What DEAR_ISA asks for: narrower instructions than the machine has. Empty: all that it has.
std::string WantedIsa();

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_MACHINE_H_
