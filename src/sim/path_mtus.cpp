#include "sim/path_mtus.hpp"

#include <algorithm>

#include "holler/link.hpp"

namespace holler::sim {

std::uint32_t PathMtus::find(Timestamp now, const Address& from, const Address& to) const {
  if (learned_.empty()) return 0;
  const auto row = learned_.find({from, 0});
  if (row == learned_.end()) return 0;
  const auto found = row->second.find({to, 0});
  if (found == row->second.end() || found->second.until <= now) return 0;
  return found->second.mtu_bytes;
}

std::vector<std::size_t> PathMtus::fragments(const Address& to, std::size_t payload_bytes,
                                             std::uint32_t mtu_bytes) {
  const std::size_t whole = packet_bytes(to, payload_bytes);
  if (mtu_bytes == 0 || whole <= mtu_bytes) return {whole};
  // IPv6 has a header of 8 bytes more for fragments.
  const std::size_t headers = to.is_v6() ? 48 : 20;
  const std::size_t room =
      std::max<std::size_t>(8, (mtu_bytes - std::min<std::size_t>(mtu_bytes, headers)) / 8 * 8);
  std::vector<std::size_t> sizes;
  for (std::size_t left = payload_bytes + 8; left != 0; left -= std::min(left, room)) {
    sizes.push_back(headers + std::min(left, room));
  }
  return sizes;
}

}  // namespace holler::sim
