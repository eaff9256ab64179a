#include <gtest/gtest.h>

#include "net/path_mtu.hpp"

namespace holler {
namespace {

TEST(PathMtu, KnowsWhatLoopbackTakes) {
  PathMtu paths;
  const Timestamp now{std::chrono::seconds{1}};
  // Its MTU is 65536; IPv4's packets end at 65535 (seen on Linux 6.18).
  EXPECT_EQ(paths.payload_bytes(now, Address::loopback_v4()), 65507U);
  EXPECT_EQ(paths.payload_bytes(now, Address::loopback_v6()), 65536U - 48U);
  EXPECT_EQ(paths.payload_bytes(now, Address::loopback_v4()), 65507U);
}

TEST(PathMtu, IsCarefulWhereThereIsNoWay) {
  PathMtu paths;
  // A multicast address of an interface that does not exist.
  const Address nowhere = Address::v6({0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 0x7fffffff);
  EXPECT_EQ(paths.payload_bytes(Timestamp{std::chrono::seconds{1}}, nowhere), PathMtu::kUnknownBytes);
}

}  // namespace
}  // namespace holler
