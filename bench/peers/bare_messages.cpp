#include "bare_messages.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unistd.h>

#include "common.hpp"

namespace peers {

Messages::Messages(std::size_t count) : memory_(count * kRoomBytes), all_(count), headers_(count) {}

int Messages::receive(int descriptor, int flags) {
  for (std::size_t i = 0; i < all_.size(); ++i) {
    One& one = all_[i];
    one.vector = {memory_.data() + i * kRoomBytes, kRoomBytes};
    headers_[i].msg_hdr = {&one.name, sizeof one.name, &one.vector, 1, one.control.data(), one.control.size(),
                           0};
  }
  return ::recvmmsg(descriptor, headers_.data(), static_cast<unsigned>(all_.size()), flags, nullptr);
}

std::uint16_t Messages::segment_bytes(msghdr& header) {
  for (cmsghdr* message = CMSG_FIRSTHDR(&header); message != nullptr;
       message = CMSG_NXTHDR(&header, message)) {
    if (message->cmsg_level != SOL_UDP || message->cmsg_type != UDP_GRO) continue;
    int bytes = 0;
    std::memcpy(&bytes, CMSG_DATA(message), sizeof bytes);
    return static_cast<std::uint16_t>(bytes);
  }
  return 0;
}

void Messages::send_back(int descriptor, int count) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    One& one = all_[i];
    msghdr& header = headers_[i].msg_hdr;
    one.vector.iov_len = headers_[i].msg_len;
    const std::uint16_t piece = segment_bytes(header);
    header.msg_control = nullptr;
    header.msg_controllen = 0;
    if (piece != 0 && piece < one.vector.iov_len) segment(header, one.control, piece);
  }
  int sent = 0;
  while (sent < count) {
    const int now = ::sendmmsg(descriptor, headers_.data() + sent, static_cast<unsigned>(count - sent), 0);
    sent += std::max(now, 1);  // what cannot be sent is lost
  }
}

void join_on_arrival(int descriptor) {
  const int on = 1;
  ::setsockopt(descriptor, SOL_UDP, UDP_GRO, &on, sizeof on);  // where there is none, they come singly
}

void segment(msghdr& header, std::span<char> control, std::uint16_t bytes) {
  header.msg_control = control.data();
  header.msg_controllen = CMSG_SPACE(sizeof bytes);
  cmsghdr* message = CMSG_FIRSTHDR(&header);
  message->cmsg_level = SOL_UDP;
  message->cmsg_type = UDP_SEGMENT;
  message->cmsg_len = CMSG_LEN(sizeof bytes);
  std::memcpy(CMSG_DATA(message), &bytes, sizeof bytes);
}

std::size_t segments_max(std::size_t bytes) {
  constexpr std::size_t kMost = 128;
  constexpr std::size_t kMostBefore = 64;
  constexpr std::size_t kPayloadBytesMax = 65507;
  const std::size_t fit = kPayloadBytesMax / bytes;
  if (fit <= kMostBefore) return std::max<std::size_t>(fit, 1);
  // Tried out on two sockets of our own, because no call tells it.
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int hears = bound_socket(at);
  const int says = bound_socket(at);
  at.sin_port = htons(port_of(hears));
  std::vector<char> payload(kMost);
  iovec vector{payload.data(), payload.size()};
  alignas(cmsghdr) std::array<char, 64> control{};
  msghdr header{&at, sizeof at, &vector, 1, nullptr, 0, 0};
  segment(header, control, 1);
  const bool taken = ::sendmsg(says, &header, 0) > 0;
  ::close(says);
  ::close(hears);
  return std::min(fit, taken ? kMost : kMostBefore);
}

}  // namespace peers
