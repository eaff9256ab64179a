#include "net/receive_batch.hpp"

#include <algorithm>

namespace holler {

ReceiveBatch::Slab::Slab(std::size_t messages_max, std::size_t message_bytes_max)
    : place_bytes{message_bytes_max},
      written{messages_max},
      bytes{std::make_unique_for_overwrite<std::byte[]>(messages_max * message_bytes_max)},
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

void ReceiveBatch::Slab::prepare() noexcept {
  for (auto& [header, size] : std::span{headers}.first(written)) {
    header.msg_namelen = SocketName::room();
    header.msg_controllen = sizeof(ControlRoom);
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

}  // namespace holler
