#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "holler/udp_socket.hpp"

namespace holler {

/// Datagrams that a machine has written and the kernel has not yet taken, packed into one block of memory.
/// `Note` is what the owner wants to know of each when it has left or failed.
template <class Note>
class Outbox {
 public:
  static constexpr std::size_t kDatagramBytesMax = 65536;

  explicit Outbox(std::size_t bytes = 4 * kDatagramBytesMax)
      : block_{std::make_unique_for_overwrite<std::byte[]>(bytes)}, bytes_{bytes} {}

  /// There is room for one more datagram of any size.
  [[nodiscard]] bool has_room() const noexcept { return bytes_ - used_ >= kDatagramBytesMax; }
  [[nodiscard]] bool empty() const noexcept { return datagrams_.empty(); }
  /// Where to write the next datagram; `add` it then.
  [[nodiscard]] MutableBytes room() noexcept { return {block_.get() + used_, bytes_ - used_}; }
  void add(OutgoingDatagram datagram, std::size_t bytes, const Note& note) {
    datagram.bytes = {block_.get() + used_, bytes};
    used_ += bytes;
    datagrams_.push_back(datagram);
    notes_.push_back(note);
  }

  /// Hands the datagrams to the kernel, in order.
  /// @param socket_of  Note → UdpSocket*: through which socket it leaves; nullptr: it is no longer wanted
  /// @param on_sent    (const OutgoingDatagram&, const Note&)
  /// @param on_failed  (const OutgoingDatagram&, const Note&, const Error&): it will not be sent
  /// @return nullptr when all are gone, or the socket that has no room at the moment
  template <class SocketOf, class OnSent, class OnFailed>
  UdpSocket* flush(SocketOf&& socket_of, OnSent&& on_sent, OnFailed&& on_failed) {
    std::size_t next = 0;
    UdpSocket* blocked = nullptr;
    while (next < datagrams_.size() && blocked == nullptr) {
      UdpSocket* socket = socket_of(notes_[next]);
      std::size_t end = next + 1;
      while (end < datagrams_.size() && socket_of(notes_[end]) == socket) ++end;
      if (socket == nullptr) {
        next = end;
        continue;
      }
      const SendReport report = socket->send(std::span{datagrams_}.subspan(next, end - next));
      for (std::size_t i = 0; i < report.accepted; ++i, ++next) on_sent(datagrams_[next], notes_[next]);
      if (next == end) continue;
      if (report.error) {
        on_failed(datagrams_[next], notes_[next], *report.error);
        ++next;
      } else {
        blocked = socket;
      }
    }
    forget(next);
    return blocked;
  }

 private:
  void forget(std::size_t count) {
    const auto end = static_cast<std::ptrdiff_t>(count);
    datagrams_.erase(datagrams_.begin(), datagrams_.begin() + end);
    notes_.erase(notes_.begin(), notes_.begin() + end);
    if (datagrams_.empty()) used_ = 0;
  }

  std::unique_ptr<std::byte[]> block_;
  std::size_t bytes_;
  std::size_t used_ = 0;
  std::vector<OutgoingDatagram> datagrams_;
  std::vector<Note> notes_;
};

}  // namespace holler
