#pragma once

#include <optional>

#include "tests/support/namespace.hpp"

namespace holler::testing {

/// Two hosts on one cable, interface `cable` of each: 10.0.0.1 and 2001:db8::1 `here`, 10.0.0.2 and
/// 2001:db8::2 `there`.
class TwoHosts : public WithNamespaces {
 protected:
  void SetUp() override {
    WithNamespaces::SetUp();
    if (IsSkipped()) return;
    here_.emplace();
    there_.emplace();
    connect(*here_, "cable", *there_, "cable");
    here_->command("ip address add 10.0.0.1/24 brd + dev cable");
    here_->command("ip address add 2001:db8::1/64 dev cable nodad");
    there_->command("ip address add 10.0.0.2/24 brd + dev cable");
    there_->command("ip address add 2001:db8::2/64 dev cable nodad");
  }
  [[nodiscard]] const Namespace& here() const { return *here_; }
  [[nodiscard]] const Namespace& there() const { return *there_; }

 private:
  std::optional<Namespace> here_;
  std::optional<Namespace> there_;
};

}  // namespace holler::testing
