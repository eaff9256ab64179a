#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "holler/bundler.hpp"
#include "holler/udp_socket.hpp"

#include "net/path_mtu.hpp"

namespace holler {

/// Datagrams that a machine has written and the kernel has not yet taken, packed into one block of memory.
/// Messages that may share a datagram do. `Note` is what the owner wants to know of each message when it has
/// left or failed, beside the datagram that it was in; its `bytes` are the message's size.
template <class Note>
class Outbox {
 public:
  static constexpr std::size_t kDatagramBytesMax = 65536;

  explicit Outbox(std::size_t bytes = 4 * kDatagramBytesMax)
      : block_{std::make_unique_for_overwrite<std::byte[]>(bytes)}, bytes_{bytes} {}

  /// There is room for one more message of any size.
  [[nodiscard]] bool has_room() const noexcept { return bytes_ - used_ >= kDatagramBytesMax; }
  [[nodiscard]] bool empty() const noexcept { return datagrams_.empty(); }
  /// Where to write the next message; `add` it then.
  [[nodiscard]] MutableBytes room() noexcept { return {block_.get() + used_, bytes_ - used_}; }
  void add(Timestamp now, const Way& way, const Note& note) {
    append(way, note, bundler_.add(way, note.sharing, note.bytes, path_at(now)));
  }
  /// `add` for a message that goes the way of the one that was added before it, which spares a look.
  void add_likewise(Timestamp now, const Way& way, const Note& note) {
    append(way, note, bundler_.add_likewise(note.sharing, note.bytes, path_at(now)));
  }

  /// Hands the datagrams to the kernel, in order.
  /// @param socket_of  Note → UdpSocket*: through which socket it leaves; nullptr: it is no longer wanted
  /// @param on_sent    (Bytes message, const Note&, const OutgoingDatagram&); nullptr where nobody wants to
  /// know
  /// @param on_failed  (Bytes message, const Note&, const OutgoingDatagram&, const Error&): it will not be
  /// sent
  /// @return nullptr when all are gone, or the socket that has no room at the moment
  template <class SocketOf, class OnSent, class OnFailed>
  UdpSocket* flush(SocketOf&& socket_of, OnSent&& on_sent, OnFailed&& on_failed) {
    bundler_.close();
    std::size_t next = 0;
    UdpSocket* blocked = nullptr;
    while (next < datagrams_.size() && blocked == nullptr) {
      UdpSocket* socket = socket_of(notes_[first_notes_[next]]);
      std::size_t end = next + 1;
      while (end < datagrams_.size() && socket_of(notes_[first_notes_[end]]) == socket) ++end;
      if (socket == nullptr) {
        next = end;
        continue;
      }
      const SendReport report = socket->send(std::span{datagrams_}.subspan(next, end - next));
      if constexpr (!std::is_same_v<std::decay_t<OnSent>, std::nullptr_t>) {
        for (std::size_t i = 0; i < report.accepted; ++i) for_each_message(next + i, on_sent);
      }
      next += report.accepted;
      if (next == end) continue;
      if (report.error) {
        for_each_message(next, [&](Bytes message, const Note& note, const OutgoingDatagram& datagram) {
          on_failed(message, note, datagram, *report.error);
        });
        ++next;
      } else {
        blocked = socket;
      }
    }
    forget(next);
    return blocked;
  }

 private:
  static constexpr std::size_t kNotesAtFirst = 64;

  [[nodiscard]] auto path_at(Timestamp now) {
    return [this, now](const Way& way) { return mtu_.payload_bytes(now, way.to.address); };
  }
  [[gnu::always_inline]] void append(const Way& way, const Note& note, bool shares) {
    if (shares) [[likely]] {
      Bytes& bytes = datagrams_.back().bytes;
      bytes = {bytes.data(), bytes.size() + note.bytes};
    } else {
      begin(way, note.bytes);
    }
    used_ += note.bytes;
    if (noted_ == notes_.size()) [[unlikely]]
      make_room();
    notes_[noted_++] = note;
  }
  [[gnu::noinline]] void make_room() { notes_.resize(std::max(kNotesAtFirst, 2 * notes_.size())); }
  [[gnu::noinline]] void begin(const Way& way, std::size_t bytes) {
    datagrams_.push_back(
        {.to = way.to, .from = way.from, .interface = way.interface, .bytes = {block_.get() + used_, bytes}});
    first_notes_.push_back(noted_);
  }
  template <class Call>
  void for_each_message(std::size_t datagram, Call&& call) {
    const std::size_t end = datagram + 1 < first_notes_.size() ? first_notes_[datagram + 1] : noted_;
    Bytes rest = datagrams_[datagram].bytes;
    for (std::size_t note = first_notes_[datagram]; note < end; ++note) {
      call(rest.first(notes_[note].bytes), notes_[note], datagrams_[datagram]);
      rest = rest.subspan(notes_[note].bytes);
    }
  }
  void forget(std::size_t count) {
    if (count == datagrams_.size()) {
      datagrams_.clear();
      first_notes_.clear();
      noted_ = used_ = 0;
      return;
    }
    const std::size_t notes = first_notes_[count];
    const auto erase_first = [](auto& from, std::size_t some) {
      from.erase(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(some));
    };
    erase_first(datagrams_, count);
    erase_first(first_notes_, count);
    std::move(notes_.data() + notes, notes_.data() + noted_, notes_.data());
    noted_ -= notes;
    for (std::size_t& first : first_notes_) first -= notes;
  }

  std::unique_ptr<std::byte[]> block_;
  std::size_t bytes_;
  std::size_t used_ = 0;
  Bundler bundler_;
  PathMtu mtu_;
  std::vector<OutgoingDatagram> datagrams_;
  std::vector<std::size_t> first_notes_;  // of each datagram
  std::vector<Note> notes_;               // places, which are used again and never cleared
  std::size_t noted_ = 0;                 // of them are taken, in the order of their messages
};

}  // namespace holler
