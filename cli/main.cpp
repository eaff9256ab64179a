#include <cstdio>

int main() {
  std::puts("holler " HOLLER_VERSION);
  return 0;
}
