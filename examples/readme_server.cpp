#include <iostream>

#include "holler/server.hpp"

int main() {
  auto server = holler::Server::bind({.host = "localhost", .port = "1060"});
  if (!server) {
    std::cerr << server.error().message() << '\n';
    return 4;
  }
  auto served = server->serve([](const holler::Request& request, holler::ReplyWriter& reply) {
    reply.print("Your data was {} bytes long", request.payload.size());
  });
  return served ? 0 : 4;
}
