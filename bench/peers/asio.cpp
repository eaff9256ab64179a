// Standalone Asio: the asynchronous UDP echo of its tutorial, with one buffer and one datagram at a time, as
// a program with one thread would have it.

#define ASIO_STANDALONE
#define ASIO_NO_DEPRECATED
#include <array>
#include <asio.hpp>
#include <string>

#include "common.hpp"

namespace {

using asio::ip::udp;

class Echo {
 public:
  Echo(asio::io_context& context, const udp::endpoint& at) : socket_{context, at} {
    asio::error_code ignored;
    socket_.set_option(asio::socket_base::receive_buffer_size{peers::kReceiveBufferBytes}, ignored);
    receive();
  }
  [[nodiscard]] std::uint16_t port() const { return socket_.local_endpoint().port(); }

 private:
  void receive() {
    socket_.async_receive_from(asio::buffer(data_), peer_, [this](asio::error_code error, std::size_t bytes) {
      error ? receive() : send(bytes);
    });
  }
  void send(std::size_t bytes) {
    socket_.async_send_to(asio::buffer(data_, bytes), peer_,
                          [this](asio::error_code, std::size_t) { receive(); });
  }

  udp::socket socket_;
  udp::endpoint peer_;
  std::array<char, 65536> data_{};
};

int serve(const peers::Options& options) {
  if (options.spin) return peers::cannot("a loop of events sleeps");
  // The hint that one thread runs it spares the locks.
  asio::io_context context{1};
  const Echo echo{context, {asio::ip::make_address(options.address), options.port}};
  peers::say_ready(echo.port());
  context.run();
  return 0;
}

}  // namespace

int main(int count, char** values) {
  const std::string version = std::to_string(ASIO_VERSION / 100000) + '.' +
                              std::to_string(ASIO_VERSION / 100 % 1000) + '.' +
                              std::to_string(ASIO_VERSION % 100);
  return peers::run(count, values, {"peer_asio", version, {}, serve, nullptr});
}
