#include <cstdio>

int main() {
  std::puts("dear " DEAR_VERSION);
  return 0;
}
