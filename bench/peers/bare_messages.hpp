#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <span>
#include <sys/socket.h>
#include <sys/uio.h>
#include <vector>

namespace peers {

/// Messages of recvmmsg(2) and sendmmsg(2), each with room for what the kernel joins (UDP_GRO).
class Messages {
 public:
  static constexpr std::size_t kRoomBytes = 65536;

  explicit Messages(std::size_t count);

  /// @param flags  MSG_DONTWAIT, or MSG_WAITFORONE to sleep until there is one
  /// @return how many; negative as recvmmsg(2)
  int receive(int descriptor, int flags);
  /// Sends what came in back to where it came from, in pieces of the size in which it came.
  void send_back(int descriptor, int count);

  [[nodiscard]] std::span<char> bytes(std::size_t message) {
    return {memory_.data() + message * kRoomBytes, headers_[message].msg_len};
  }

 private:
  struct One {
    sockaddr_in name{};
    iovec vector{};
    alignas(cmsghdr) std::array<char, 64> control{};
  };
  static std::uint16_t segment_bytes(msghdr& header);

  std::vector<char> memory_;
  std::vector<One> all_;
  std::vector<mmsghdr> headers_;
};

/// Lets the kernel join datagrams on their way up.
void join_on_arrival(int descriptor);
/// Makes a message leave in pieces of so many bytes. `control` must live until it has been sent.
void segment(msghdr& header, std::span<char> control, std::uint16_t bytes);
/// How many pieces the kernel takes in one message: 128 from recent kernels, 64 from older ones.
[[nodiscard]] std::size_t segments_max(std::size_t bytes);

}  // namespace peers
