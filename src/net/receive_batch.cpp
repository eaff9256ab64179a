#include "net/receive_batch.hpp"

#include <algorithm>

namespace holler {
namespace {

/// What the kernel joins comes to no more than one IP packet can hold.
constexpr std::size_t kJoinedBytesMax = 65536;

}  // namespace

ReceiveBatch::Slab::Slab(std::size_t messages_max, std::size_t message_bytes_max)
    : datagram_bytes_max{message_bytes_max},
      place_bytes{std::max(message_bytes_max, kJoinedBytesMax)},
      written{messages_max},
      bytes{std::make_unique_for_overwrite<std::byte[]>(messages_max * place_bytes)},
      names(messages_max),
      controls(messages_max),
      vectors(messages_max),
      headers(messages_max) {
  for (std::size_t i = 0; i < messages_max; ++i) {
    vectors[i] = {bytes.get() + i * place_bytes, place_bytes};
    msghdr& header = headers[i].msg_hdr;
    header.msg_name = names[i].get();
    header.msg_iov = &vectors[i];
    header.msg_iovlen = 1;
    header.msg_control = controls[i].bytes.data();
  }
  datagrams.reserve(messages_max);
}

void ReceiveBatch::Slab::add(ReceivedDatagram whole, std::size_t segment_bytes) {
  Bytes rest = whole.bytes;
  do {
    const std::size_t size = segment_bytes == 0 ? rest.size() : std::min(segment_bytes, rest.size());
    whole.bytes = rest.first(std::min(size, datagram_bytes_max));
    rest = rest.subspan(size);
    datagrams.push_back(whole);
    datagrams.back().truncated = (whole.truncated && rest.empty()) || size > datagram_bytes_max;
  } while (!rest.empty());
}

void ReceiveBatch::Slab::prepare(bool for_notes) noexcept {
  if (for_notes != has_note_room) written = headers.size();
  has_note_room = for_notes;
  for (auto& [header, size] : std::span{headers}.first(written)) {
    header.msg_namelen = SocketName::room();
    header.msg_controllen = for_notes ? sizeof(ControlRoom) : 0;
    header.msg_flags = 0;
    size = 0;
  }
  written = 0;
}

ReceiveBatch::ReceiveBatch(std::size_t datagrams_max, std::size_t datagram_bytes_max)
    : slab_{std::make_unique<Slab>(std::max<std::size_t>(datagrams_max, 1), datagram_bytes_max)} {}
ReceiveBatch::ReceiveBatch(ReceiveBatch&&) noexcept = default;
ReceiveBatch& ReceiveBatch::operator=(ReceiveBatch&&) noexcept = default;
ReceiveBatch::~ReceiveBatch() = default;

std::span<const ReceivedDatagram> ReceiveBatch::datagrams() const noexcept { return slab_->datagrams; }
Timestamp ReceiveBatch::read_at() const noexcept { return slab_->read_at; }

}  // namespace holler
