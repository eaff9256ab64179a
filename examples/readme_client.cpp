#include <iostream>

#include "holler/client.hpp"

int main() {
  auto client = holler::Client::open();
  if (!client) return 4;
  auto reply = client->ask("localhost:1060", "This is another message");
  if (!reply) {
    std::cerr << reply.error().message() << '\n';
    return 1;
  }
  std::cout << reply->text() << '\n';
}
