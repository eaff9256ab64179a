#pragma once

#include <gtest/gtest.h>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "holler/server.hpp"

namespace holler::testing {

/// A server that serves in a thread of its own for as long as it lives.
class RunningServer {
 public:
  RunningServer(ServerOptions options, Server::Handler handler) {
    options.port = "0";
    auto bound = Server::bind(std::move(options));
    if (!bound) {
      ADD_FAILURE() << bound.error().message();
      return;
    }
    server_.emplace(std::move(*bound));
    thread_ = std::jthread{[this, handler = std::move(handler)](const std::stop_token& stop) {
      const auto served = server_->serve(handler, stop);
      EXPECT_TRUE(served) << served.error().message();
    }};
  }
  [[nodiscard]] Endpoint endpoint() const { return server_->local_address(); }
  [[nodiscard]] ServerStats stats() const { return server_->stats(); }
  ServerStats stop() {
    if (thread_.joinable()) {
      thread_.request_stop();
      thread_.join();
    }
    return server_->stats();
  }

 private:
  std::optional<Server> server_;
  std::jthread thread_;
};

}  // namespace holler::testing
