#pragma once

#include <vector>

#include "holler/endpoint.hpp"
#include "holler/error.hpp"

/// Which addresses are this machine's own.
namespace holler {

/// The addresses of this machine's interfaces (of this network namespace), as they are when they are read.
class LocalAddresses {
 public:
  /// @error system: the kernel does not tell (getifaddrs(3))
  [[nodiscard]] static Result<LocalAddresses> read();

  /// Whether datagrams to it stay on this machine. All of 127.0.0.0/8 and ::1 do, on any interface or none
  /// (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). Wildcards, broadcast and multicast do not. An IPv6 link-local
  /// address is compared with its scope, if it has one.
  [[nodiscard]] bool contains(const Address& address) const noexcept;
  [[nodiscard]] const std::vector<Address>& all() const noexcept { return addresses_; }

 private:
  explicit LocalAddresses(std::vector<Address> addresses) noexcept : addresses_{std::move(addresses)} {}
  std::vector<Address> addresses_;
};

}  // namespace holler
