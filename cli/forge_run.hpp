#pragma once

#include <memory>
#include <optional>

#include "cli/exit_code.hpp"
#include "cli/forge_attack.hpp"
#include "cli/forge_report.hpp"
#include "cli/signals.hpp"
#include "cli/victim.hpp"

namespace holler::cli {

/// One run of `holler forge`: a victim, if there is one, and an attack on it.
class ForgeRun {
 public:
  explicit ForgeRun(const ForgeSettings& settings);
  ExitCode run();

 private:
  [[nodiscard]] Result<void> prepare();
  [[nodiscard]] Result<void> attack_until_over();
  [[nodiscard]] bool is_over(Timestamp now) const;
  /// Waits for news until `wake`, and takes them in.
  void attend(Timestamp wake);
  void look_at_wire();
  void look_at_sockets();
  void consider(const Endpoint& client);
  /// Whether it is one that `--to` names.
  [[nodiscard]] bool is_meant(const Endpoint& client) const;
  ExitCode report();

  const ForgeSettings& settings_;
  Signals signals_;
  SystemRandom random_;
  Forgery forgery_;
  ForgeField field_;
  std::unique_ptr<Attack> attack_;
  std::optional<Wiretap> tap_;
  std::optional<Victim> victim_;
  Timestamp start_;
  Timestamp last_sent_;
  std::uint64_t unseen_ = 0;
};

}  // namespace holler::cli
